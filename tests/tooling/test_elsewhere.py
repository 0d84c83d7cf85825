"""What GitHub, Binder and editors read to run the course is whole: none of them can be asked here.

What it can't be is executed. So these tests look at what it names: commands, files and versions.
"""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml
from packaging.specifiers import SpecifierSet

ROOT = Path(__file__).parents[2]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
DEVCONTAINER = json.loads((ROOT / ".devcontainer" / "devcontainer.json").read_text())
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
BINDER = ROOT / ".binder"


def workflow(path: Path) -> dict[str, Any]:
    return dict(yaml.safe_load(path.read_text()))


def steps(path: Path) -> list[dict[str, Any]]:
    return [step for job in workflow(path)["jobs"].values() for step in job["steps"]]


def commands() -> list[str]:
    """Everything that one of them types into a shell."""
    found = [step["run"] for path in WORKFLOWS for step in steps(path) if "run" in step]
    return [*found, DEVCONTAINER["postCreateCommand"]]


def pythons() -> dict[str, str]:
    """The version of Python that each of them takes."""
    found = {
        "devcontainer": DEVCONTAINER["image"].partition(":")[2].partition("-")[0],
        "binder": (BINDER / "runtime.txt").read_text().strip().removeprefix("python-"),
    }
    for path in WORKFLOWS:
        for name, job in workflow(path)["jobs"].items():
            if "container" in job:
                image = job["container"]["image"].removeprefix("python:")
                found[f"{path.stem} {name}"] = image.removesuffix("-bookworm")
        for number, step in enumerate(steps(path)):
            if "setup-python" in step.get("uses", ""):
                found[f"{path.stem} {number}"] = step["with"]["python-version"]
    return found


def test_ci_and_google_are_the_workflows() -> None:
    assert [path.stem for path in WORKFLOWS] == ["ci", "google"]


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_an_action_is_named_by_its_commit_and_can_only_read(path: Path) -> None:
    """A tag can be moved to another commit by who owns it, or by who has taken it over."""
    text = path.read_text()
    used = re.findall(r"uses: (.*)", text)
    assert len(used) == sum("uses" in step for step in steps(path)) > 0
    for action in used:
        assert re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", action), action
    assert workflow(path)["permissions"] == {"contents": "read"}
    for job in workflow(path)["jobs"].values():
        written = {name for name, kind in job.get("permissions", {}).items() if kind != "read"}
        assert written <= {"id-token"}
        assert job["timeout-minutes"] <= 240


def test_google_needs_no_key_and_runs_only_where_it_is_set_up() -> None:
    text = (ROOT / ".github" / "workflows" / "google.yml").read_text()
    assert not re.search(r"secrets\.|credentials_json|private_key", text)
    (job,) = yaml.safe_load(text)["jobs"].values()
    assert job["if"] == "vars.GOOGLE_WORKLOAD_IDENTITY_PROVIDER != ''"
    (auth,) = (step for step in job["steps"] if "github-actions/auth@" in step.get("uses", ""))
    assert auth["with"]["workload_identity_provider"] == (
        "${{ vars.GOOGLE_WORKLOAD_IDENTITY_PROVIDER }}"
    )


@pytest.mark.parametrize("command", commands())
def test_what_they_type_exists(command: str) -> None:
    words = shlex.split(command)
    if words[0] == "make":
        done = subprocess.run(["make", "-n", *words[1:]], cwd=ROOT, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
    for word in words:
        if word.startswith("."):
            assert (ROOT / word.replace(".venv/bin/python", ".ci")).exists(), word


def test_they_take_a_python_that_the_project_takes() -> None:
    wanted = SpecifierSet(PROJECT["requires-python"])
    assert len(pythons()) >= 5
    for place, version in pythons().items():
        assert f"{version}.0" in wanted, place
    assert len(set(pythons().values())) == 1


def test_binder_installs_the_lock_and_the_project() -> None:
    """A file beside the others there would be taken in the place of requirements.txt."""
    assert sorted(path.name for path in BINDER.iterdir()) == [
        "postBuild",
        "requirements.txt",
        "runtime.txt",
    ]
    option, lock = (BINDER / "requirements.txt").read_text().split()
    assert option == "-r" and (BINDER / lock).resolve() == ROOT / "requirements.lock"
    script = BINDER / "postBuild"
    assert script.stat().st_mode & 0o111
    assert subprocess.run(["bash", "-n", script]).returncode == 0
    assert "--no-deps" in script.read_text()


def test_the_devcontainer_lets_sandboxes_be_made_and_finds_the_commands() -> None:
    assert set(DEVCONTAINER["securityOpt"]) == {
        "seccomp=unconfined",
        "apparmor=unconfined",
        "systempaths=unconfined",
    }
    assert DEVCONTAINER["remoteEnv"]["PATH"].startswith("${containerWorkspaceFolder}/.venv/bin:")
