"use strict";
/* Reads /status.json every second and /history.json every five; writes text and attributes only, never markup. */
const STATUS_MS = 1000, HISTORY_MS = 5000, RATE_S = 3, PATIENCE_MS = 4000;
const SVG = "http://www.w3.org/2000/svg";
const byId = (id) => document.getElementById(id);

function set(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes || {}))
    if (value === false || value === null || value === undefined) node.removeAttribute(name);
    else node.setAttribute(name, value === true ? "" : value);
  if (children !== undefined) node.replaceChildren(...[].concat(children).map((child) =>
    child instanceof Node ? child : document.createTextNode(String(child))));
  return node;
}
const el = (name, attributes, children) => set(document.createElement(name), attributes, children);
const shape = (name, attributes, children) => set(document.createElementNS(SVG, name), attributes, children);
const write = (node, text) => { if (node.textContent !== text) node.textContent = text; };

/* ---- numbers ---- */

const known = (value) => typeof value === "number" && isFinite(value);
function count(value) {
  if (!known(value)) return "–";
  if (value >= 1e6) return (value / 1e6).toFixed(value < 1e7 ? 1 : 0) + "M";
  if (value >= 1e5) return Math.round(value / 1e3) + "k";
  return value < 9.95 && value > 0 ? value.toFixed(1) : Math.round(value).toLocaleString("en");
}
const rate = (value) => known(value) ? count(value) + "/s" : "–";
function time(seconds) {
  if (!known(seconds)) return "–";
  if (seconds >= 172800) return Math.floor(seconds / 86400) + " d";
  if (seconds >= 7200) return Math.floor(seconds / 3600) + " h";
  if (seconds >= 120) return Math.floor(seconds / 60) + " min";
  if (seconds >= 10) return Math.round(seconds) + " s";
  if (seconds >= 1) return seconds.toFixed(1) + " s";
  if (seconds >= 0.001) return +(seconds * 1000).toPrecision(2) + " ms";
  return Math.round(seconds * 1e6) + " µs";
}
const percent = (share) => known(share) ? Math.round(share * 100) + " %" : "–";
const two = (number) => String(number).padStart(2, "0");
const clock = (date) => `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
const words = (treatment) => ({ served: "served", sheds: "sheds", cut_new: "cut new", cut_all: "cut all" })[treatment] || "–";

/* ---- rates from counters: differences to a document some seconds older ---- */

const past = [];
function keep(status) {
  const last = past[past.length - 1];
  if (last && (status.taken_s < last.taken_s || status.host !== last.host)) past.length = 0;
  past.push(status);
  while (past.length > 2 && status.taken_s - past[1].taken_s >= RATE_S) past.shift();
}
/* @pick: the counter in a document; a counter that went back, or was not there, has no rate. */
function perSecond(pick) {
  const older = past[0], newer = past[past.length - 1], seconds = newer.taken_s - older.taken_s;
  const difference = pick(newer) - pick(older);
  return seconds > 0 && difference >= 0 ? difference / seconds : null;
}
const named = (list, key, name) => (list || []).find((entry) => entry[key] === name);
const classRate = (name, pick) => perSecond((status) => {
  const found = named(status.state.classes, "name", name);
  return found ? pick(found) : NaN;
});

/* ---- the level ---- */

function outlook(status) {
  const decision = status.decision, state = status.state;
  if (!decision) return "";
  if (state.pinned_level)
    return `Set by an operator${known(state.pinned_for_s) ? `, for another ${time(state.pinned_for_s)}` : ""}; until: spillway level auto.`;
  if (state.level === "green") return "";
  return decision.hold_left_seconds > 0 ? `Goes down one step in ${time(decision.hold_left_seconds)} at the earliest.` : "";
}
function facts(status) {
  const state = status.state, list = [];
  const add = (text, warn) => list.push(el("li", { class: warn ? "warn" : null }, text));
  if (state.mode === "observe") add("mode observe: nothing is dropped", true);
  else add(state.enforcing ? "enforcing" : "no lease: everything passes", !state.enforcing);
  if (status.decision && status.decision.since)
    add(`${state.level} for ${time((Date.parse(status.decision.at) - Date.parse(status.decision.since)) / 1000)}`);
  if (status.decision && status.decision.blind) add("blind: no service has a signal", true);
  if (state.least_level !== "green" || state.most_level !== "red")
    add(`kept between ${state.least_level} and ${state.most_level}`);
  for (const device of state.interfaces)
    add(`${device.name}: ${device.attached ? device.mode : "not covered"}`, !device.attached);
  if (known(state.ruleset.unconfirmed_for_s)) add(`not confirmed: rolled back in ${time(state.ruleset.unconfirmed_for_s)}`, true);
  if (known(state.ruleset.last_good_age_s)) add(`last good ruleset, ${time(state.ruleset.last_good_age_s)} old`, true);
  add(`ruleset ${state.ruleset.generation}`);
  if (known(state.agent.uptime_s)) add(`up ${time(state.agent.uptime_s)}`);
  return list;
}
function showLevel(status) {
  const level = status.state.level, decision = status.decision;
  byId("level").className = level;
  write(byId("level"), level);
  write(byId("reason"), decision ? decision.reason + "." : "No decision yet.");
  write(byId("outlook"), outlook(status));
  set(byId("facts"), {}, facts(status));
  document.title = `${level} · ${status.host} · spillway`;
  write(byId("host"), status.host);
  write(byId("version"), `spillway ${status.state.agent.version || ""}`);
}

/* ---- charts ---- */

const LEFT = 46, RIGHT = 4, TOP = 8, BAND = 6, HEIGHT = 120;
function nice(most) {
  const unit = 10 ** Math.floor(Math.log10(most));
  return [1, 1.5, 2, 3, 4, 5, 6, 8, 10].map((step) => step * unit).find((step) => step >= most * 1.0001) || 10 * unit;
}
function line(values, x, y) {
  let path = "", drawing = false;
  values.forEach((value, i) => {
    if (known(value)) path += `${drawing ? "L" : "M"}${x(i).toFixed(1)} ${y(value).toFixed(1)}`;
    if (known(value) && !drawing && !known(values[i + 1])) path += "h.1";
    drawing = known(value);
  });
  return path;
}
/* One chart of a service: lines over time; the arrow keys or the pointer read a moment. */
class Chart {
  constructor(title, lines, unit) {
    this.lines = lines; this.unit = unit; this.at = null; this.width = 0;
    this.svg = shape("svg", { class: "plot", height: TOP + HEIGHT + BAND + 18, "aria-hidden": "true" });
    this.legend = el("p", {}, lines.map(([key, label]) => el("span", {}, [
      shape("svg", { class: "key", viewBox: "0 0 22 10", "aria-hidden": "true" },
        shape("path", { class: key, d: "M0 5H22" })), label])));
    this.read = el("p", { class: "read", "aria-live": "polite" });
    this.node = el("div", { class: "chart", tabindex: "0", role: "group", "aria-label": title }, [this.svg, this.legend, this.read]);
    this.node.addEventListener("keydown", (event) => this.key(event));
    this.node.addEventListener("pointermove", (event) => this.point(event));
    this.node.addEventListener("pointerleave", () => { this.at = null; this.draw(); });
    this.node.addEventListener("blur", () => { this.at = null; this.draw(); });
    new ResizeObserver(() => {
      this.width = this.node.clientWidth;
      this.draw();
    }).observe(this.node);
  }
  key(event) {
    const steps = { ArrowLeft: -1, ArrowRight: 1, PageUp: -12, PageDown: 12, Home: -1e3, End: 1e3 }, step = steps[event.key];
    if (event.key === "Escape") this.at = null;
    else if (step === undefined || !this.history) return;
    else this.at = Math.min(this.history.slots - 1, Math.max(0, (this.at ?? this.history.slots - 1) + step));
    event.preventDefault();
    this.draw();
  }
  point(event) {
    if (!this.history) return;
    const box = this.svg.getBoundingClientRect(), x = event.clientX - box.left;
    const at = Math.round((x - LEFT) / (this.width - LEFT - RIGHT) * (this.history.slots - 1));
    this.at = at >= 0 && at < this.history.slots ? at : null;
    this.draw();
  }
  show(history, series) {
    this.history = history; this.series = series;
    this.draw();
  }
  draw() {
    const { history, series, width } = this, step = (width - LEFT - RIGHT) / ((history ? history.slots : 2) - 1);
    if (!history || step <= 0) return;
    const values = this.lines.map(([key]) => series[key]).flat().filter(known);
    const most = nice(Math.max(...values, this.unit === time ? 0.001 : 1)), bottom = TOP + HEIGHT;
    const x = (i) => LEFT + i * step, y = (value) => bottom - value / most * HEIGHT;
    const parts = [0, 0.5, 1].map((part) => [
      shape("line", { class: "grid", x1: LEFT, x2: width - RIGHT, y1: y(part * most), y2: y(part * most) }),
      shape("text", { x: LEFT - 6, y: y(part * most) + 4, "text-anchor": "end" }, part ? this.unit(part * most) : "0")]).flat();
    history.level.forEach((level, i) => {
      if (level) parts.push(shape("rect", { class: "l" + level, x: x(i) - step / 2, y: bottom + 1, width: step + 0.3, height: BAND }));
    });
    for (const minutes of [15, 10, 5, 0])
      parts.push(shape("text", { x: x(history.slots - 1 - minutes * 60 / history.slot_s + (minutes === 15 ? 1 : 0)), y: bottom + BAND + 13,
        "text-anchor": minutes === 15 ? "start" : minutes ? "middle" : "end" }, minutes ? `−${minutes} min` : "now"));
    for (const [key] of this.lines) parts.push(shape("path", { class: key, d: line(series[key], x, y) }));
    if (this.at !== null) parts.push(shape("line", { class: "cursor", x1: x(this.at), x2: x(this.at), y1: TOP, y2: bottom }));
    set(this.svg, {}, parts);
    this.tell();
  }
  tell() {
    if (this.at === null) return write(this.read, "");
    const ago = (this.history.slots - 1 - this.at) * this.history.slot_s;
    const parts = this.lines.map(([key, label]) => `${label} ${this.unit(this.series[key][this.at])}`);
    write(this.read, `${ago ? time(ago) + " ago" : "now"} (${this.history.level[this.at] || "no decision"}): ${parts.join(", ")}`);
  }
}

/* ---- services ---- */

const cards = new Map();
function makeCard(name) {
  const chip = el("span", { class: "chip" }), figures = el("dl", { class: "figures" }), note = el("p", { class: "soft" });
  const rates = new Chart(`${name}: demand, admitted, capacity and budget; arrow keys read a moment`,
    [["demand", "demand"], ["admitted", "admitted"], ["capacity", "capacity"], ["budget", "budget"]], rate);
  const waits = new Chart(`${name}: wait before a request is read; arrow keys read a moment`,
    [["wait", "wait (mean)"], ["worst", "longest"], ["target", "target"]], time);
  const node = el("article", { class: "card", "aria-label": `service ${name}` },
    [el("header", {}, [el("h3", {}, name), chip]), figures, el("div", { class: "charts" }, [rates.node, waits.node]), note]);
  return { node, chip, figures, note, rates, waits };
}
function figure(name, value, more) {
  return el("div", {}, [el("dt", {}, name), el("dd", {}, [value, el("small", {}, more || "\u00a0")])]);
}
function showService(card, service) {
  const wait = service.wait, origin = { unknown: "not known yet", set: "set", learned: "learned", restored: "learned earlier" };
  card.chip.className = `chip ${service.level}`;
  write(card.chip, `asks for ${service.level}`);
  set(card.figures, {}, [
    figure("demand", rate(service.demand_per_s), service.excess_per_s > 0 ? `${rate(service.excess_per_s)} too much` : "fits"),
    figure("admitted", rate(service.admitted_per_s), `served ${rate(service.served_per_s)}`),
    figure("capacity", rate(service.capacity_per_s), origin[service.capacity_origin]),
    figure("budget", known(service.budget_per_s) ? rate(service.budget_per_s) : "none", known(service.budget_per_s) ? "may pass now" : "everything passes"),
    figure("wait", wait.source ? time(wait.seconds) : "–", wait.source ? `target ${time(wait.target_seconds)}` : "no signal"),
  ]);
  write(card.note, service.helpless ? "Shedding does not help: waits stay although little is admitted. Scale, or switch to a light page." : "");
  card.note.hidden = !service.helpless;
}
function showServices(status) {
  const services = status.decision ? status.decision.services : [];
  for (const name of [...cards.keys()])
    if (!named(services, "name", name)) { cards.get(name).node.remove(); cards.delete(name); }
  for (const service of services) {
    if (!cards.has(service.name)) {
      cards.set(service.name, makeCard(service.name));
      byId("services").append(cards.get(service.name).node);
    }
    showService(cards.get(service.name), service);
  }
  if (!services.length) set(byId("services"), {}, el("p", { class: "soft" }, "No service is configured, or nothing is decided yet."));
  else for (const node of [...byId("services").children]) if (node.tagName === "P") node.remove();
}
function showHistory(history) {
  for (const series of history.services) {
    const card = cards.get(series.name);
    if (!card) continue;
    const target = card.target;
    card.rates.show(history, { demand: series.demand_per_s, admitted: series.admitted_per_s, capacity: series.capacity_per_s, budget: series.budget_per_s });
    card.waits.show(history, { wait: series.wait_s, worst: series.wait_s_worst, target: series.demand_per_s.map(() => target ?? null) });
  }
}

/* ---- classes, next level ---- */

function leastShare(status, name) {
  const shares = (status.decision ? status.decision.services : []).map((service) => named(service.classes, "name", name)?.share).filter(known);
  return shares.length ? Math.min(...shares) : null;
}
const cell = (label, value, attributes) => el("td", { "data-label": label, ...attributes }, value);
function showClasses(status) {
  const next = status.next;
  write(byId("then"), next.level ? `at ${next.level}` : "next level");
  set(byId("classes").tBodies[0], {}, next.classes.map(({ class: name, now, then }) => {
    const refused = classRate(name, (entry) => entry.new_work.drop), dropped = classRate(name, (entry) => entry.packets.drop);
    return el("tr", {}, [
      el("th", { scope: "row" }, name),
      cell("now", words(now), { class: now === "served" ? null : "shed" }),
      cell(next.level ? `at ${next.level}` : "next level", next.level ? words(then) : "–"),
      cell("share", percent(leastShare(status, name)), { class: "n" }),
      cell("new/s", count(classRate(name, (entry) => entry.new_work.pass)), { class: "n" }),
      cell("refused/s", count(refused), { class: refused > 0 ? "n shed" : "n" }),
      cell("packets/s", count(classRate(name, (entry) => entry.packets.pass)), { class: "n" }),
      cell("dropped/s", count(dropped), { class: dropped > 0 ? "n shed" : "n" }),
    ]);
  }));
}
function showNext(status) {
  const next = status.next, rows = [];
  const add = (text) => rows.push(el("li", {}, text));
  if (!next.level) add("Red is the highest level.");
  for (const { class: name, now, then } of next.level ? next.classes : []) {
    const would = classRate(name, (entry) => entry.shadow.next_level.new_work);
    if (now !== then) add(`${name}: ${words(now)} now, ${words(then)} at ${next.level}${would > 0 ? `; would refuse ${rate(would)} more` : ""}`);
    else if (would > 0) add(`${name}: would refuse ${rate(would)} more`);
  }
  for (const service of next.level && status.decision ? status.decision.services : [])
    if (service.excess_per_s > 0 || service.sheddable_per_s[next.level] > 0)
      add(`${service.name}: ${rate(service.sheddable_per_s[next.level])} could be shed at ${next.level}; ${rate(service.excess_per_s)} is too much now`);
  if (!rows.length) add(`At ${next.level} nothing would change now.`);
  set(byId("next"), {}, rows);
}

/* ---- signals, drops, sources, events ---- */

const SIGNALS = { cpu: "CPU, busiest core", softirq: "softirq", softnet_drops: "softnet drops", listen_overflows: "listen overflows",
  psi_cpu: "CPU pressure", psi_io: "I/O pressure", psi_memory: "memory pressure" };
function bar(share, high) {
  const fill = el("i", { class: high ? "high" : null });
  fill.style.width = `${Math.max(0, Math.min(1, share)) * 100}%`;
  return el("div", { class: "bar", "aria-hidden": "true" }, fill);
}
function showSignals(status) {
  const decision = status.decision, rows = [];
  for (const [name, value] of Object.entries(decision ? decision.signals : {})) {
    const perSecondly = name === "softnet_drops" || name === "listen_overflows", label = SIGNALS[name] || name;
    const about = decision.signals_about && decision.signals_about[name] ? decision.signals_about[name].about : "";
    if (!known(value)) rows.push(el("li", {}, [el("span", {}, label), el("span", { class: "why" }, about ? `absent: ${about}` : "absent")]));
    else rows.push(el("li", {}, [el("span", {}, label), bar(perSecondly ? (value > 0 ? 1 : 0) : value, perSecondly ? value > 0 : value > 0.9),
      el("b", {}, perSecondly ? rate(value) : percent(value))]));
  }
  set(byId("signals"), {}, rows.length ? rows : el("li", {}, "nothing is decided yet"));
}
function showDrops(status) {
  const reasons = status.state.reasons.map((entry) => [entry.reason,
    perSecond((older) => named(older.state.reasons, "reason", entry.reason).packets.drop)]).filter(([, value]) => value > 0);
  const most = Math.max(...reasons.map(([, value]) => value), 1);
  const rows = reasons.map(([reason, value]) => el("li", {}, [el("span", {}, reason.replaceAll("_", " ")), bar(value / most), el("b", {}, rate(value))]));
  set(byId("drops"), {}, rows.length ? rows : el("li", {}, "nothing"));
}
function showSources(status) {
  byId("sources-box").hidden = !status.sources;
  set(byId("sources").tBodies[0], {}, (status.sources || []).map((source) => el("tr", {}, [
    el("th", { scope: "row" }, source.source),
    cell("class", source.class || "–"),
    cell("packets/s", count(source.packets_per_s), { class: "n" }),
    cell("±", source.packets_per_s > 0 ? percent((source.error_per_s + source.margin_per_s) / source.packets_per_s) : "–", { class: "n" }),
    cell("new/s", count(source.new_per_s), { class: "n" }),
    cell("dropped", source.packets_per_s > 0 ? percent(Math.min(1, source.dropped_per_s / source.packets_per_s)) : "–", { class: "n" }),
  ])));
}
function sentence(event) {
  switch (event.event) {
  case "level": return `was ${event.former}: ${event.reason}${event.observing ? " (observing)" : ""}`;
  case "start": return `spillway ${event.version}`;
  case "reload": return event.ok ? `generation ${event.generation}` : `refused; generation ${event.generation} stays; see the log`;
  case "attach": return `${event.interface}, ${event.mode}`;
  case "detach": return event.interface;
  case "hook": return `${event.hook} ${event.ok ? "done" : "failed"} in ${time(event.seconds)}`;
  case "signal": return `${event.signal}${event.service ? ` of ${event.service}` : ""}: ${event.present ? event.source || "present" : `absent${event.reason ? `: ${event.reason}` : ""}`}`;
  case "pin": return event.level ? `level set by an operator: ${event.level}` : "level automatic again";
  case "helpless": return `${event.service}: shedding ${event.helpless ? "does not help" : "helps again"}`;
  case "ending": return event.ending ? `${event.service}: connections are being ended, the first of class ${event.class} (${event.reason})` :
    `${event.service}: no more connections are ended; ${event.ended} were, within ${time(event.seconds)}`;
  default: return event.service || "";
  }
}
let eventsShown = "";
function showEvents(status) {
  const now = JSON.stringify(status.events);
  if (now === eventsShown) return;
  eventsShown = now;
  set(byId("events"), {}, status.events.map((event) => {
    const at = new Date(event.at);
    return el("li", {}, [el("time", { datetime: event.at, title: event.at }, clock(at)),
      el("span", { class: `chip ${event.event === "level" ? event.level : "other"}` }, event.event === "level" ? event.level : event.event),
      el("span", {}, sentence(event))]);
  }));
}

/* ---- updating ---- */

let paused = false, answeredAt = null;
async function read(path) {
  const answer = await fetch(path, { cache: "no-store", signal: AbortSignal.timeout(PATIENCE_MS) });
  if (!answer.ok) throw new Error(`${path}: ${answer.status} ${(await answer.text()).trim()}`);
  return answer.json();
}
function complain(error) {
  const text = error ? `No answer${answeredAt ? ` since ${clock(answeredAt)}` : ""}: ${error.message}. What is shown is old. ` +
    "If the agent is dead, everything passes once its lease is over: systemctl status spillway" : "";
  write(byId("trouble"), text);
  byId("trouble").hidden = !error;
}
function show(status) {
  keep(status);
  showLevel(status);
  showServices(status);
  for (const service of status.decision ? status.decision.services : [])
    cards.get(service.name).target = service.wait.target_seconds;
  showClasses(status);
  showNext(status);
  showSignals(status);
  showDrops(status);
  showSources(status);
  showEvents(status);
}
async function update(path, use) {
  if (paused || document.hidden) return;
  try {
    use(await read(path));
    answeredAt = new Date();
    complain(null);
  } catch (error) {
    complain(error);
  }
  write(byId("age"), answeredAt ? `updated ${clock(answeredAt)}` : "no answer yet");
}
async function repeat(path, use, ms) {
  await update(path, use);
  setTimeout(repeat, ms, path, use, ms);
}
byId("pause").addEventListener("click", () => {
  paused = !paused;
  set(byId("pause"), { "aria-pressed": String(paused) }, paused ? "Resume" : "Pause");
  if (paused) write(byId("age"), answeredAt ? `paused; as of ${clock(answeredAt)}` : "paused");
});
repeat("/status.json", show, STATUS_MS).then(() => repeat("/history.json", showHistory, HISTORY_MS));
