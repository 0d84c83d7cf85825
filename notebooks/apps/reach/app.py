"""Asks a server or another service for its page, and says what came of it."""

import http.client

from flask import Flask
from google.auth.transport.requests import AuthorizedSession, Request
from google.oauth2.id_token import fetch_id_token_credentials

PATIENCE = 3  # seconds

app = Flask(__name__)


@app.get("/")
def here() -> dict[str, str]:
    return {"answer": "you got in"}


@app.get("/server/<address>")
def server(address: str) -> dict[str, str]:
    """Ask the server at an IP address, on port 8080."""
    connection = http.client.HTTPConnection(address, 8080, timeout=PATIENCE)
    try:
        connection.request("GET", "/")
        return {"answer": connection.getresponse().read().decode()}
    except OSError as error:
        return {"answer": f"none: {error}"}


@app.get("/service/<host>")
def service(host: str) -> dict[str, str]:
    """Ask another service, with an ID token of the account that this one runs as."""
    address = f"https://{host}"
    session = AuthorizedSession(fetch_id_token_credentials(address, Request()))
    try:
        return {"answer": str(session.get(address, timeout=PATIENCE).status_code)}
    except OSError as error:
        return {"answer": f"none: {error}"}
