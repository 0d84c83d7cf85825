"""What a copy is told is checked before anything is written, and fits the team's repository."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import nbformat
import pytest
import yaml
from click.testing import CliRunner
from nbval.plugin import get_sanitize_patterns

from helpers.adopt.__main__ import main
from helpers.adopt.origin import OWNER, address, pinned, requirement, versions

GOOD = {"project": "acme-shop", "region": "europe-west3", "service": "checkout"}


def adopt(folder: Path, app: Path, **changed: str) -> tuple[int, str]:
    """Adopt without executing; return the exit status and what was said."""
    values = GOOD | {"source": str(app)} | changed
    options = [text for name, value in values.items() for text in (f"--{name}", value)]
    done = CliRunner().invoke(main, [str(folder), "--no-execute", *options])
    return done.exit_code, done.output


@pytest.fixture
def app(team: Path) -> Path:
    return team / "services" / "checkout"


@pytest.fixture
def copy(team: Path, app: Path) -> Path:
    status, said = adopt(team / "ops" / "runbook", app)
    assert status == 0, said
    return team / "ops" / "runbook"


@pytest.mark.parametrize(
    ("option", "value", "sentence"),
    [
        ("project", "Acme", "'Acme' can't be a project's id"),
        ("project", "acme", "'acme' can't be a project's id"),
        ("project", "acme-shop-", "'acme-shop-' can't be a project's id"),
        ("service", "Checkout", "'Checkout' can't be a service's name"),
        ("service", "2checkout", "'2checkout' can't be a service's name"),
        ("service", "a" * 50, "can't be a service's name"),
        ("region", "europe-west99", "There is no region 'europe-west99'"),
        ("source", "/no/such/folder", "/no/such/folder has no Dockerfile."),
    ],
)
def test_a_wrong_value_is_told_in_a_sentence_and_nothing_is_written(
    team: Path, app: Path, option: str, value: str, sentence: str
) -> None:
    status, said = adopt(team / "runbook", app, **{option: value})
    assert status == 1
    assert sentence in said
    assert len(said.splitlines()) == 1
    assert not (team / "runbook").exists()


def test_what_is_in_a_folder_is_never_overwritten(team: Path, app: Path) -> None:
    (team / "notes").mkdir()
    (team / "notes" / "README.md").write_text("Ours")
    assert "not empty: choose a new folder." in adopt(team / "notes", app)[1]
    assert [file.read_text() for file in (team / "notes").iterdir()] == ["Ours"]
    assert adopt(app / "Dockerfile", app)[0] == 1
    (team / "empty").mkdir()
    assert adopt(team / "empty", app)[0] == 0


def test_a_copy_is_not_uploaded_with_the_app(app: Path) -> None:
    """With its packages it is larger than most apps, and it would change each build."""
    status, said = adopt(app / "ops" / "runbook", app)
    assert status == 1
    assert "write /ops/runbook/ into" in said
    (app / ".gcloudignore").write_text("/ops/runbook/\n")
    assert adopt(app / "ops" / "runbook", app)[0] == 0


def test_the_parameters_are_those_that_were_given(team: Path, app: Path) -> None:
    assert adopt(team / "runbook", app, region="Frankfurt")[0] == 0
    notebook = nbformat.read(team / "runbook" / "runbook.ipynb", as_version=4)
    [cell] = [cell for cell in notebook.cells if "parameters" in cell.metadata.get("tags", [])]
    values: dict[str, str] = {}
    exec(cell.source, values)
    assert GOOD.items() <= values.items()
    assert values["cloud"] == "local"
    assert (team / "runbook" / values["source"]).resolve() == app.resolve()


def test_the_workflow_runs_where_the_copy_is_and_needs_no_key(copy: Path) -> None:
    [file] = (copy / ".github" / "workflows").iterdir()
    workflow = yaml.safe_load(file.read_text())
    assert workflow["defaults"]["run"]["working-directory"] == "ops/runbook"
    google = workflow["jobs"]["google"]
    assert google["permissions"] == {"contents": "read", "id-token": "write"}
    assert workflow["permissions"] == {"contents": "read"}
    [signed_in] = [step["with"] for step in google["steps"] if "auth@" in step.get("uses", "")]
    assert signed_in.keys() == {"project_id", "workload_identity_provider", "service_account"}
    assert "secrets." not in file.read_text()
    for job in workflow["jobs"].values():
        for action in (step["uses"] for step in job["steps"] if "uses" in step):
            assert re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40}", action), "a tag can be moved"


def test_nothing_in_a_copy_is_left_unfilled(copy: Path) -> None:
    for file in copy.rglob("*"):
        if file.is_file():
            assert "%{" not in file.read_text(), file


def test_nbval_drops_none_of_the_rules(copy: Path) -> None:
    text = (copy / "sanitize.cfg").read_text()
    assert len(get_sanitize_patterns(text)) == text.count("\n[") >= 1


def test_the_course_is_pinned_to_a_commit_and_the_rest_to_versions(copy: Path) -> None:
    asked = (copy / "requirements.txt").read_text()
    assert asked == f"{requirement()}\nnbval\npytest\n"
    assert asked.startswith("cloud-run-hands-on @ git+")
    pinned = (copy / "constraints.txt").read_text().splitlines()
    assert pinned == versions()
    assert any(line.startswith("nbval==") for line in pinned)


@pytest.mark.parametrize(
    ("remote", "known"),
    [
        ("git@github.com:acme/course.git", "ssh://git@github.com/acme/course.git"),
        ("https://github.com/acme/course", "https://github.com/acme/course"),
        ("https://me:secret@github.com/acme/course", "https://github.com/acme/course"),
        ("/srv/git/course", ""),
        ("", ""),
    ],
)
def test_a_pin_has_an_address_that_others_can_reach_and_no_secret(remote: str, known: str) -> None:
    assert address(remote) == known


def test_a_pin_is_that_of_the_package_or_the_clone_that_the_command_runs_from(
    tmp_path: Path,
) -> None:
    url = "https://github.com/acme/course"
    installed = {"url": url, "vcs_info": {"vcs": "git", "commit_id": "a1b2"}}
    assert pinned(installed) == f"cloud-run-hands-on @ git+{url}@a1b2"

    def git(*command: str) -> str:
        who = ["-c", "user.name=A", "-c", "user.email=a@example.com"]
        done = subprocess.run(
            ["git", "-C", tmp_path, *who, *command], capture_output=True, text=True, check=True
        )
        return done.stdout.strip()

    git("init", "-q")
    git("commit", "-q", "--allow-empty", "-m", "First")
    clone = {"url": tmp_path.as_uri(), "dir_info": {"editable": True}}
    head = git("rev-parse", "HEAD")
    assert f"/{OWNER}/" in pinned(clone)
    git("remote", "add", "origin", url)
    assert pinned(clone) == f"cloud-run-hands-on @ git+{url}@{head}"
