import os
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

CACHE = [b"x" * 1024 * 1024 for _ in range(200)]
print(f"{len(CACHE)} MiB of cache are filled")


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"It works\n")


ThreadingHTTPServer(("", int(os.environ["PORT"])), Handler).serve_forever()
