"""A team's copy passes on its own app, and turns red when the app answers otherwise."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import nbformat
import pytest
from click.testing import CliRunner, Result

from helpers.adopt.__main__ import main
from tests.adopt.conftest import use_this_python
from tests.course.small import printed

ROOT = Path(__file__).parents[2]


def adopt(team: Path) -> Result:
    where = ["--project", "acme-shop", "--region", "europe-west3", "--service", "checkout"]
    source = str(team / "services" / "checkout")
    return CliRunner().invoke(main, [str(team / "ops/runbook"), *where, "--source", source])


def make_test(copy: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    plain = {k: v for k, v in os.environ.items() if not k.startswith(("PYTEST_", "COV_"))}
    return subprocess.run(
        ["make", "test", *arguments],
        cwd=copy,
        env=plain | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )


def test_a_copy_is_green_until_the_app_answers_otherwise(team: Path) -> None:
    adopted = adopt(team)
    assert adopted.exit_code == 0, adopted.output
    copy = team / "ops" / "runbook"
    notebook = nbformat.read(copy / "runbook.ipynb", as_version=4)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in code] == list(range(1, len(code) + 1))

    use_this_python(copy)
    green = make_test(copy)
    assert green.returncode == 0, green.stdout + green.stderr
    assert f"{len(code)} passed" in green.stdout

    app = team / "services" / "checkout" / "src" / "basket" / "server.py"
    app.write_text(app.read_text().replace('"empty"', '"full"'))
    red = make_test(copy, "ARGS=--exitfirst --color=no")
    assert red.returncode != 0
    assert "1 failed" in red.stdout
    for answer in '"empty"', '"full"':
        assert answer in red.stdout, "who reads the log must see what was and what is"


def test_a_copy_that_can_not_be_executed_says_how_to_go_on(
    team: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOCALCLOUD_ENGINE", "nosuch")
    adopted = adopt(team)
    assert adopted.exit_code == 1
    assert "LOCALCLOUD_ENGINE=nosuch is none of the engines" in adopted.output
    assert "Repair what the message names, then run `make refresh` there." in adopted.output
    assert printed(team / "ops" / "runbook" / "runbook.ipynb") == ""
