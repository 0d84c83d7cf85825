"""Greets, and says which revision answers and when this instance of it started."""

import os
from datetime import UTC, datetime

from flask import Flask

STARTED = datetime.now(UTC).isoformat(timespec="seconds")

app = Flask(__name__)


@app.get("/")
def hello() -> dict[str, str]:
    return {
        "greeting": f"Hello {os.environ.get('NAME', 'World')}!",
        "revision": os.environ.get("K_REVISION", "none: this is not Cloud Run"),
        "started": STARTED,
    }
