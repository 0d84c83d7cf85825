import os
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        report = b"x" * 10 * 1024 * 1024
        checksum = sum(report)
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"%d bytes, checksum %d\n" % (len(report), checksum))


ThreadingHTTPServer(("", int(os.environ["PORT"])), Handler).serve_forever()
