"""The sample service: says that it runs, and as what."""

import os
import signal
import sys
from html import escape
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

PAGE = """<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><title>It's running!</title></head>
<body>
<h1>It's running!</h1>
<p>Service <b>{service}</b>, revision <b>{revision}</b>.</p>
<p>This is the local cloud's own sample. It stands in for Google's image of the same name.</p>
</body>
</html>
"""


class Hello(BaseHTTPRequestHandler):
    """Answers every path with the same page."""

    protocol_version = "HTTP/1.1"
    # The page follows its head at once: otherwise it waits up to 40 ms until the head has arrived.
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        """Sends the page."""
        page = PAGE.format(
            service=escape(os.environ.get("K_SERVICE", "?")),
            revision=escape(os.environ.get("K_REVISION", "?")),
        ).encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(page)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(page)

    def do_POST(self) -> None:
        """Reads the body and answers as to a GET."""
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.do_GET()

    do_HEAD = do_GET

    def log_message(self, format: str, *args: object) -> None:
        """Keeps quiet: Cloud Run writes a request log of its own."""


signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(0))
ThreadingHTTPServer(("", int(os.environ["PORT"])), Hello).serve_forever()
