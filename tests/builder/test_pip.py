"""``pip install`` in a build: without a network from this environment, else from the index."""

from __future__ import annotations

import contextlib
import http.server
import io
import socket
import tarfile
import threading
import time
import zipfile
from pathlib import Path

import pytest

from helpers.localcloud.builder import BuildFailed

SAMPLE = """\
FROM python:3.12-slim
ENV PYTHONUNBUFFERED True
ENV APP_HOME /app
WORKDIR $APP_HOME
COPY . ./
RUN pip install --no-cache-dir -r requirements.txt
CMD exec gunicorn --bind :$PORT --workers 1 --threads 8 --timeout 0 main:app
"""
WIKI = (Path(__file__).parents[2] / "notebooks/apps/fragile/Dockerfile.wiki-2021").read_text()
APP = """\
import os
from flask import Flask
app = Flask(__name__)

@app.route("/")
def hello():
    return "Hello " + os.environ.get("NAME", "World") + "!"
"""


@pytest.fixture(autouse=True)
def no_index(monkeypatch):
    """An index that does not answer, whatever pip's configuration on this machine says."""
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")
    for name in ("PIP_EXTRA_INDEX_URL", "PIP_FIND_LINKS", "PIP_NO_INDEX"):
        monkeypatch.delenv(name, raising=False)
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


def test_googles_sample_answers(bench, serving):
    bench.write({"main.py": APP, "requirements.txt": "Flask==3.*\ngunicorn>=20\n"})
    image = bench.build(SAMPLE)
    assert serving.get(image) == ("HTTP/1.0 200 OK", "Hello World!")
    assert not [line for line in bench.log if "WARNING" in line or "notice" in line]


def test_the_dockerfile_of_the_wiki_answers_without_its_apk_line(bench, serving):
    bench.write({"app.py": APP, "requirements.txt": "flask\n"})
    with pytest.raises(BuildFailed, match="returned a non-zero code: 127"):
        bench.build(WIKI)
    lines = [line for line in WIKI.splitlines() if not line.startswith("RUN apk")]
    status, body = serving.get(bench.build("\n".join(lines)))
    assert (status.split()[1], body) == ("200", "Hello World!")


def test_an_install_leaves_only_what_it_installs(bench):
    image = bench.build("FROM python\nRUN pip install flask && python3 -c 'import flask, xml'\n")
    with tarfile.open(bench.shelf.blobs.path(image.layers[-1]["digest"])) as layer:
        files = {member.name for member in layer if not member.isdir()}
        folders = {member.name for member in layer if member.isdir()}
    # Debian's Python has another name for the folder.
    packages = {name for name in files if "/site-packages/" in name or "/dist-packages/" in name}
    assert files - packages == {"usr/local/bin/flask"}
    assert not {"run", "root", "root/.cache"} & folders


PROJECT = """\
[build-system]
requires = []
build-backend = "backend"
backend-path = ["."]
[project]
name = "app"
version = "1"
dependencies = ["itsdangerous"]
"""
BACKEND = """\
import zipfile
from pathlib import Path

def build_wheel(folder, *_):
    name = "app-1-py3-none-any.whl"
    with zipfile.ZipFile(f"{folder}/{name}", "w") as wheel:
        wheel.writestr(
            "app-1.dist-info/METADATA",
            "Metadata-Version: 2.1\\nName: app\\nVersion: 1\\nRequires-Dist: itsdangerous\\n",
        )
        wheel.writestr(
            "app-1.dist-info/WHEEL",
            "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n",
        )
        wheel.writestr("app-1.dist-info/RECORD", "")
    return name
"""


@pytest.mark.parametrize(
    "step",
    [
        "pip install -r requirements/all.txt",
        "cd requirements && pip install -r all.txt",
        "pip install -r $FOLDER/all.txt",
        "sh install.sh",
        "pip install .",
    ],
)
def test_packages_are_found_through_files(bench, step):
    bench.write(
        {
            "requirements/all.txt": "-r more.txt\n",
            "requirements/more.txt": "# a remark\nItsDangerous>=2 ; python_version > '3'\n",
            "install.sh": "pip install -r requirements/all.txt\n",
            "pyproject.toml": PROJECT,
            "backend.py": BACKEND,
        }
    )
    bench.build(f"FROM python\nENV FOLDER=/app/requirements\nWORKDIR /app\nCOPY . .\nRUN {step}\n")
    assert any(line.startswith("Successfully installed") for line in bench.log)


def wheel(name: str) -> bytes:
    """A package of one module."""
    info = f"{name}-1.0.dist-info"
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        archive.writestr(f"{name}.py", "")
        archive.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        archive.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        archive.writestr(f"{info}/RECORD", "")
    return data.getvalue()


class Index(http.server.BaseHTTPRequestHandler):
    """A package index with one package."""

    def do_GET(self) -> None:
        file = "onlyindex-1.0-py3-none-any.whl"
        pages = {
            "/simple/": b"",
            "/simple/onlyindex/": f'<a href="/{file}">{file}</a>'.encode(),
            f"/{file}": wheel("onlyindex"),
        }
        body = pages.get(self.path)
        self.send_response(404 if body is None else 200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(body or b"")

    def log_message(self, *_arguments: object) -> None:
        pass


@contextlib.contextmanager
def index():
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Index) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/simple"
        server.shutdown()
        thread.join()


def test_what_is_not_here_comes_from_the_index(bench, monkeypatch):
    with index() as address:
        monkeypatch.setenv("PIP_INDEX_URL", address.replace("//", "//me:secret@"))
        image = bench.build("FROM python\nRUN echo x >> /count && pip install onlyindex\n")
    assert (
        "This environment does not have all the packages that the step asks for: running the step "
        f"again with the package index {address}."
    ) in bench.log
    assert bench.log[-3].startswith("Removing intermediate container")
    assert bench.text(image, "count") == "x\n"
    assert not any("secret" in line for line in (*bench.log, str(image.config)))


@pytest.mark.parametrize("option", ["PIP_EXTRA_INDEX_URL", "PIP_FIND_LINKS"])
def test_an_index_of_files_is_shown_to_the_step(bench, monkeypatch, tmp_path, option):
    file = tmp_path / "files/onlyindex-1.0-py3-none-any.whl"
    page = tmp_path / "simple/onlyindex/index.html"
    for path in (file, page):
        path.parent.mkdir(parents=True)
    file.write_bytes(wheel("onlyindex"))
    page.write_text(f'<a href="../../files/{file.name}">{file.name}</a>')
    is_index = option == "PIP_EXTRA_INDEX_URL"
    monkeypatch.setenv(option, f"file://{tmp_path}/simple" if is_index else str(file.parent))
    image = bench.build("FROM python\nRUN pip install onlyindex && echo yes > /done\n")
    assert bench.text(image, "done") == "yes\n"


def test_what_is_nowhere_fails_as_pip_does(bench, monkeypatch):
    with index() as address:
        monkeypatch.setenv("PIP_INDEX_URL", address)
        with pytest.raises(BuildFailed, match="returned a non-zero code: 1"):
            bench.build("FROM python\nRUN pip install notthere\n")
    assert bench.log.count("ERROR: No matching distribution found for notthere") == 2


def test_an_index_that_is_not_there_is_told(bench):
    with pytest.raises(BuildFailed, match="returned a non-zero code: 1"):
        bench.build("FROM python\nRUN pip install onlyindex\n")
    assert bench.log[-2] == (
        "This environment does not have all the packages that the step asks for, and the package "
        "index http://127.0.0.1:9/simple cannot be reached."
    )


def test_an_index_that_never_answers_holds_nobody_up(bench, monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.setenv("PIP_INDEX_URL", f"http://127.0.0.1:{silent.getsockname()[1]}/simple")
        begun = time.monotonic()
        with pytest.raises(BuildFailed, match="returned a non-zero code: 1"):
            bench.build("FROM python\nRUN pip install onlyindex\n")
        assert time.monotonic() - begun < 10
    assert bench.log[-2].endswith("cannot be reached.")
