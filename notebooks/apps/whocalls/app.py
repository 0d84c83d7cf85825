"""Says who calls, by what is left of the caller's token here; and calls another service."""

import base64
import json
import os
from functools import cache

from flask import Flask, request
from google.auth.transport.requests import AuthorizedSession, Request
from google.oauth2.id_token import fetch_id_token_credentials

app = Flask(__name__)


@app.get("/")
def who() -> dict[str, str]:
    shown = request.headers.get("Authorization", "")
    kept = request.headers.get("X-Serverless-Authorization", shown)
    _, payload, signature = (*kept.rpartition(" ")[2].split("."), "", "")[:3]
    padded = payload + "=" * (-len(payload) % 4)
    claims = json.loads(base64.urlsafe_b64decode(padded) or b"{}")
    return {
        "caller": claims.get("email", "unknown"),
        "signature of the token": signature,
        "Authorization begins with": shown[:16],
    }


@app.get("/ask")
def ask() -> tuple[str, int, dict[str, str]]:
    """Call the service whose address is in the variable ASK, and pass its answer on."""
    address = os.environ["ASK"]
    answer = session(address).get(address)
    return answer.text, answer.status_code, {"Content-Type": answer.headers["Content-Type"]}


@cache
def session(audience: str) -> AuthorizedSession:
    return AuthorizedSession(fetch_id_token_credentials(audience, Request()))
