"""Greets whom the caller names. A real app would be served by gunicorn, as in lesson 01."""

import os
from urllib.parse import parse_qs
from wsgiref.simple_server import make_server


def greet(name):
    return f"Hello {name}!"


def app(environ, start_response):
    names = parse_qs(environ["QUERY_STRING"]).get("name", ["World"])
    text = greet(names[0])
    start_response("200 OK", [("Content-Type", "text/plain; charset=utf-8")])
    return [text.encode()]


make_server("", int(os.environ["PORT"]), app).serve_forever()
