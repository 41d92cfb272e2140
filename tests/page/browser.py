# SPDX-License-Identifier: GPL-2.0-only
"""A headless Chromium, driven over a pipe by its DevTools protocol.

    with Browser(world, namespace) as browser:
        browser.size(390, 844)
        browser.dark(True)
        browser.open("http://127.0.0.1:10010/")
        browser.evaluate("document.title")
        browser.picture(Path("page.png"))
"""
import base64
import json
import os
import select
import shutil
import time

PROGRAM = next((path for path in map(shutil.which, ("chromium", "chromium-browser", "google-chrome")) if path), None)
FLAGS = """--headless=new --no-sandbox --disable-gpu --disable-dev-shm-usage --no-first-run --disable-background-networking
--disable-component-update --disable-sync --disable-extensions --hide-scrollbars --mute-audio --remote-debugging-pipe
--force-color-profile=srgb""".split()


class Browser:
    """One page of a Chromium that runs in a network namespace. `requests`: URLs asked for; `complaints`: what its console says."""

    def __init__(self, world, namespace):
        into, self.write_fd = os.pipe()
        self.read_fd, out = os.pipe()
        # It reads commands from descriptor 3 and writes answers to descriptor 4.
        script = 'in=$1 out=$2; shift 2; exec "$@" 3<&"$in" 4>&"$out"'
        self.process = namespace.start("bash", "-c", script, "bash", into, out, PROGRAM, *FLAGS,
                                       f"--user-data-dir={world.folder}/chromium", "about:blank", name="chromium",
                                       pass_fds=(into, out))
        os.close(into)
        os.close(out)
        self.number, self.rest, self.session = 0, b"", None
        self.requests, self.complaints = [], []

    def __enter__(self):
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network", "Accessibility"):
            self.call(f"{domain}.enable")
        return self

    def __exit__(self, *_exception):
        os.close(self.write_fd)
        os.close(self.read_fd)
        self.process.stop()

    def _next(self, end):
        while b"\0" not in self.rest:
            if not select.select([self.read_fd], [], [], max(0, end - time.monotonic()))[0]:
                raise TimeoutError("Chromium does not answer")
            got = os.read(self.read_fd, 1 << 16)
            if not got:
                raise RuntimeError(f"Chromium ended: {self.process.log()[-2000:]}")
            self.rest += got
        text, self.rest = self.rest.split(b"\0", 1)
        return json.loads(text)

    def _note(self, event):
        method, values = event.get("method"), event.get("params", {})
        if method == "Network.requestWillBeSent":
            self.requests.append(values["request"]["url"])
        elif method == "Log.entryAdded":
            self.complaints.append(values["entry"]["text"])
        elif method == "Runtime.exceptionThrown":
            details = values["exceptionDetails"]
            self.complaints.append(details.get("exception", {}).get("description", details["text"]))

    def call(self, method, **parameters):
        self.number += 1
        message = {"id": self.number, "method": method, "params": parameters}
        if self.session:
            message["sessionId"] = self.session
        os.write(self.write_fd, json.dumps(message).encode() + b"\0")
        end = time.monotonic() + 60
        while True:
            answer = self._next(end)
            if answer.get("id") == self.number:
                if "error" in answer:
                    raise RuntimeError(f"{method}: {answer['error']['message']}")
                return answer["result"]
            self._note(answer)

    def evaluate(self, script):
        """The value of an expression; promises are awaited."""
        result = self.call("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in result:
            raise RuntimeError(f"{script}: {result['exceptionDetails']}")
        return result["result"].get("value")

    def size(self, width, height):
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 700)

    def dark(self, wanted):
        self.call("Emulation.setEmulatedMedia", features=[
            {"name": "prefers-color-scheme", "value": "dark" if wanted else "light"},
            {"name": "prefers-reduced-motion", "value": "reduce"}])

    def open(self, url):
        self.call("Page.navigate", url=url)
        self.until("document.readyState === 'complete'")

    def until(self, condition, seconds=15):
        end = time.monotonic() + seconds
        while not self.evaluate(condition):
            if time.monotonic() > end:
                raise TimeoutError(f"not within {seconds} s: {condition}")
            time.sleep(0.1)

    def press(self, key, code=0):
        for kind in ("keyDown", "keyUp"):
            self.call("Input.dispatchKeyEvent", type=kind, key=key, code=key, windowsVirtualKeyCode=code)

    def picture(self, path, whole=True):
        """Of the whole page, or of what the window shows."""
        sizes = self.call("Page.getLayoutMetrics")
        size = sizes["cssContentSize"] if whole else {"width": sizes["cssLayoutViewport"]["clientWidth"],
                                                      "height": sizes["cssLayoutViewport"]["clientHeight"]}
        shot = self.call("Page.captureScreenshot", format="png", captureBeyondViewport=True,
                         clip={"x": 0, "y": 0, "width": size["width"], "height": size["height"], "scale": 1})
        path.write_bytes(base64.b64decode(shot["data"]))
