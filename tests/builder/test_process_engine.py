"""A build where no RUN line is executed: what it still makes, and where it stops."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from helpers.localcloud.builder import BuildFailed
from helpers.localcloud.engine.process import Process
from tests.builder.bench import Bench, Serving, Shelf

WIKI = """
FROM python:3.9-alpine
COPY ./requirements.txt /app/requirements.txt
{step}
WORKDIR /app
RUN pip3 install -r requirements.txt
COPY . /app
CMD /usr/local/bin/flask run --host='0.0.0.0' --port=$PORT
"""
APP = "import flask\napp = flask.Flask(__name__)\n@app.get('/')\ndef hi(): return 'hi'\n"


@pytest.fixture
def plain(shelf: Shelf, tmp_path: Path) -> Shelf:
    """The shelf whose engine has no namespaces."""
    return replace(shelf, engine=Process(tmp_path / "engine"))


@pytest.fixture
def bench(plain: Shelf, tmp_path: Path) -> Bench:
    bench = Bench(plain, tmp_path / "context")
    bench.write({"requirements.txt": "Flask\n", "app.py": APP})
    return bench


def test_a_pip_install_and_a_shell_command_need_no_namespaces(plain: Shelf, bench: Bench) -> None:
    image = bench.build(WIKI.format(step=""))
    assert Serving(plain).get(image) == ("HTTP/1.1 200 OK", "hi")
    asyncio.run(plain.engine.close())


def test_any_other_run_is_refused_by_the_number_of_its_line(bench: Bench) -> None:
    step = "RUN apk add --update netcat-openbsd && \\\n    rm -rf /var/cache/apk/*"
    with pytest.raises(BuildFailed, match=r"Dockerfile line 4: .* RUN line.* sandbox engine"):
        bench.build(WIKI.format(step=step))
    assert bench.log[-1].startswith("Dockerfile line 4: ")
