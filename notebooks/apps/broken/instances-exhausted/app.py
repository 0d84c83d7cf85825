import os
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        time.sleep(float(self.path.partition("?")[2] or 0))
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"It works\n")


ThreadingHTTPServer(("", int(os.environ["PORT"])), Handler).serve_forever()
