import os
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


def load_model() -> None:
    print("loading the model")
    time.sleep(0.5)
    print("model loaded")


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"It works\n")


load_model()
ThreadingHTTPServer(("", int(os.environ["PORT"])), Handler).serve_forever()
