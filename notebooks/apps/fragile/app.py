"""An app for breaking: every page works, unless something around the app is wrong."""

import os
import subprocess
import time
from pathlib import Path

from flask import Flask, request
from werkzeug.middleware.proxy_fix import ProxyFix

# A real app may read a large file here.
print("Loading", flush=True)
time.sleep(float(os.environ.get("WARM_UP", "0")))

app = Flask(__name__)
app.wsgi_app = ProxyFix(app.wsgi_app, x_proto=1)

kept: list[bytes] = []


@app.get("/")
def hello() -> dict[str, str]:
    """Say what the caller used, http or https, as the server and as the app know it."""
    server = request.environ["werkzeug.proxy_fix.orig"]["wsgi.url_scheme"]
    return {"revision": os.environ["K_REVISION"], "server": server, "app": request.scheme}


@app.get("/date")
def date() -> str:
    """Start a program."""
    return subprocess.run(["date", "+%Z"], check=True, capture_output=True, text=True).stdout


@app.get("/date-by-shell")
def date_by_shell() -> str:
    """Start a shell, which starts the program."""
    return subprocess.run("date +%Z", shell=True, check=True, capture_output=True, text=True).stdout


@app.get("/keep")
def keep() -> str:
    """Take 50 MiB more, and never let go."""
    kept.append(os.urandom(50 * 1024 * 1024))
    return f"{50 * len(kept)} MiB kept"


@app.get("/sort")
def sort() -> str:
    """Take 150 MiB for a moment, or for as many seconds as the caller asks for."""
    taken = os.urandom(150 * 1024 * 1024)
    time.sleep(float(request.args.get("seconds", "0")))
    return f"{len(taken) // 1024 // 1024} MiB sorted"


@app.get("/work")
def work() -> str:
    """Work for as many seconds as the caller asks for."""
    time.sleep(float(request.args["seconds"]))
    return "done"


@app.get("/price")
def price() -> str:
    """Compute with a setting."""
    return f"{100 * float(os.environ['RATE'])}"


@app.get("/programs")
def programs() -> dict[str, str]:
    """Name the programs of this instance by their numbers."""
    folders = sorted(Path("/proc").glob("[0-9]*"), key=lambda folder: int(folder.name))
    return {
        folder.name: (folder / "cmdline").read_text().replace("\0", " ").strip()
        for folder in folders
    }
