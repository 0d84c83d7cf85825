"""Every example that ``gcloud help`` prints for the commands of the course is tried here."""

from __future__ import annotations

import json
import subprocess
import warnings
from pathlib import Path

import pytest

from tests.clients.gcloud import preparations
from tests.clients.gcloud.examples import TABLE, Example, commands, examples, printed, run
from tests.conftest import LocalCloud


@pytest.fixture(scope="module", autouse=True)
def projects(cloud: LocalCloud) -> None:
    preparations.projects(cloud.home.folder)


def test_every_example_of_the_help_is_classed(tmp_path: Path) -> None:
    """An example that nobody looked at may be one that fails.

    Another release of gcloud may print others. That is worth a word, not a failure.
    """
    version = subprocess.run(
        ["gcloud", "version", "--format=json"], check=True, capture_output=True
    )
    installed = json.loads(version.stdout)["Google Cloud SDK"]
    found = printed(tmp_path)
    classed = {name: [row.text for row in examples() if row.command == name] for name in commands()}
    if installed == TABLE["gcloud"]:
        assert found == classed
    elif found != classed:
        new = sorted({text for texts in found.values() for text in texts})
        warnings.warn(
            f"examples.toml has what gcloud {TABLE['gcloud']} prints; {installed} prints also: "
            f"{[text for text in new if text not in {row.text for row in examples()}]}",
            stacklevel=1,
        )


def test_every_class_is_explained() -> None:
    """A refusal without a reason says nothing about when it will end."""
    for example in examples():
        assert example.outcome in ("run", "refused", "wrong"), example.text
        assert bool(example.missing) == example.refused, example.text
        assert bool(example.because and example.exit) == (example.outcome == "wrong"), example.text


class Examples:
    """The examples of some groups of commands; a class is the share of one test process."""

    groups: tuple[str, ...]

    def test_it_ends_as_it_is_classed(
        self, cloud: LocalCloud, tmp_path: Path, example: Example
    ) -> None:
        """What Google's own help shows does what it says, or says what is missing here."""
        ended = run(example, cloud.home, tmp_path)
        assert ended.as_classed, f"exit code {ended.code}\n{ended.output}"


class TestRun(Examples):
    groups = ("run",)


class TestBuilds(Examples):
    groups = ("builds", "logging", "iam")


class TestImages(Examples):
    groups = ("artifacts", "container")


class TestStorage(Examples):
    groups = ("storage",)


class TestAccounts(Examples):
    groups = ("config", "auth", "projects", "services")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Give each class its examples."""
    if metafunc.cls is not None:
        chosen = [row for row in examples() if row.command.split()[0] in metafunc.cls.groups]
        metafunc.parametrize("example", chosen, ids=str)


def test_every_group_of_commands_is_run() -> None:
    """A group that no class names would be classed as running and never run."""
    grouped = [group for part in Examples.__subclasses__() for group in part.groups]
    assert sorted(grouped) == sorted({name.split()[0] for name in commands()})
