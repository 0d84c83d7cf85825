"""Asks a server or another service for its page, and says what came of it."""

import http.client

import requests
from flask import Flask

METADATA = "http://metadata.google.internal/computeMetadata/v1/instance"
IDENTITY = f"{METADATA}/service-accounts/default/identity"
PATIENCE = 3  # seconds

Answer = tuple[dict[str, str], int]

app = Flask(__name__)


@app.get("/")
def here() -> Answer:
    return {"answer": "you got in"}, 200


@app.get("/server/<address>")
def server(address: str) -> Answer:
    """Ask the server at an IP address, on port 8080."""
    connection = http.client.HTTPConnection(address, 8080, timeout=PATIENCE)
    try:
        connection.request("GET", "/")
        return {"answer": connection.getresponse().read().decode()}, 200
    except OSError as error:
        return {"answer": f"none: {error}"}, 502


@app.get("/service/<host>")
def service(host: str) -> Answer:
    """Ask another service, with an ID token of the account that this one runs as."""
    address = f"https://{host}"
    token = requests.get(
        IDENTITY,
        params={"audience": address},
        headers={"Metadata-Flavor": "Google"},
        timeout=PATIENCE,
    ).text
    bearer = {"Authorization": f"Bearer {token}"}
    try:
        status = requests.get(address, headers=bearer, timeout=PATIENCE).status_code
        return {"answer": str(status)}, 200
    except OSError as error:
        return {"answer": f"none: {error}"}, 502
