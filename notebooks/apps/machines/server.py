#!/usr/bin/env python3
"""A small server, on port 8080: it tells callers which address it sees them at."""

from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Who(BaseHTTPRequestHandler):
    def do_GET(self):
        text = self.client_address[0].encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)


server = ThreadingHTTPServer(("", 8080), Who)
print("The server listens.", flush=True)
server.serve_forever()
