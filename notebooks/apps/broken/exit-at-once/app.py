import os
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

DATABASE = os.environ["DATABASE_URL"]


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"It works\n")


ThreadingHTTPServer(("", int(os.environ["PORT"])), Handler).serve_forever()
