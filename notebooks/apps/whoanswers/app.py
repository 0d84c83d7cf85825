"""Says which instance answers, of which revision, and when that instance started."""

import os
import time
import uuid
from datetime import UTC, datetime

from flask import Flask, request

INSTANCE = uuid.uuid4().hex[:8]
STARTED = datetime.now(UTC).isoformat(timespec="milliseconds")

app = Flask(__name__)


@app.get("/")
def who() -> dict[str, str]:
    """Answer, after as many seconds of work as the caller asks for."""
    time.sleep(float(request.args.get("work", "0")))
    return {
        "greeting": os.environ.get("GREETING", "Hello"),
        "revision": os.environ["K_REVISION"],
        "instance": INSTANCE,
        "started": STARTED,
    }
