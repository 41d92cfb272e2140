# SPDX-License-Identifier: GPL-2.0-only
"""A server of the decision stream of CrowdSec's local API, like version 1.4.6 (test_crowdsec.py)."""
import http.server
import json
import ssl
import threading
import urllib.parse

KEY = "an-api-key-of-a-bouncer"
PORT = 8080


class Lapi:
    """Decisions are added and deleted here; changes since the last pull are reported once. `answer` may be a function(handler)
    that answers instead."""

    def __init__(self, world, namespace, certificate=None):
        self.decisions, self.fresh, self.gone = {}, [], []
        self.lock = threading.Lock()
        self.pulls = []  # "true" or "false", the parameter startup
        self.agents = set()
        self.on_sent = lambda: None  # called when an answer was written
        self.answer = None
        with namespace.entered():
            self.server = http.server.ThreadingHTTPServer(("127.0.0.1", PORT), self._handler())
        self.server.daemon_threads = True
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*certificate)
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()
        world.on_exit(self.close)

    def close(self):
        self.server.shutdown()
        self.server.server_close()

    def add(self, value, duration="4h", scope="Ip", kind="ban", **more):
        decision = {"duration": duration, "id": len(self.decisions) + len(self.gone) + 1, "origin": "cscli",
                    "scenario": "crowdsecurity/ssh-bf", "scope": scope, "type": kind, "value": value, **more}
        with self.lock:
            self.decisions[value] = decision
            self.fresh.append(decision)

    def delete(self, value):
        with self.lock:
            self.gone.append({**self.decisions.pop(value), "duration": "-1.012080735s"})

    def pull(self, startup):
        """Like the local API: null instead of an empty array."""
        with self.lock:
            new = list(self.decisions.values()) if startup == "true" else self.fresh
            body = {"deleted": self.gone or None, "new": new or None}
            self.fresh, self.gone = [], []
            self.pulls.append(startup)
        return json.dumps(body, separators=(",", ":")).encode()

    def _handler(lapi):  # pylint: disable=no-self-argument
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):  # pylint: disable=invalid-name
                url = urllib.parse.urlsplit(self.path)
                lapi.agents.add(self.headers.get("User-Agent"))
                if lapi.answer:
                    lapi.pulls.append(dict(urllib.parse.parse_qsl(url.query)).get("startup"))
                    lapi.answer(self)
                elif url.path != "/v1/decisions/stream":
                    self.reply(404, b"404 page not found")
                elif self.headers.get("X-Api-Key") != KEY:
                    self.reply(403, b'{"message":"access forbidden"}')
                else:
                    self.reply(200, lapi.pull(dict(urllib.parse.parse_qsl(url.query)).get("startup")))

            def reply(self, status, body, length=None):
                self.send_response(status)
                self.send_header("Content-Type", "application/json; charset=utf-8")
                self.send_header("Content-Length", str(len(body) if length is None else length))
                self.end_headers()
                self.wfile.write(body)
                lapi.on_sent()

            def log_message(self, *_arguments):
                pass

        return Handler
