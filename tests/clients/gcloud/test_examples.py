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


@pytest.mark.parametrize("example", examples("refused"), ids=str)
def test_a_refused_example_hears_what_is_missing(
    cloud: LocalCloud, tmp_path: Path, example: Example
) -> None:
    """A refusal that does not name the missing service reads like a mistake of one's own."""
    ended = run(example, cloud.home, tmp_path, to_the_end=False)
    assert example.missing
    assert example.prints in ended.output, ended.output
    assert ended.code != 0


@pytest.mark.parametrize("example", examples("wrong"), ids=str)
def test_a_wrong_example_fails_as_everywhere(
    cloud: LocalCloud, tmp_path: Path, example: Example
) -> None:
    """A local cloud that made it pass would teach a command that fails on Google."""
    ended = run(example, cloud.home, tmp_path)
    assert example.because
    assert (ended.code, example.prints in ended.output) == (example.exit, True), ended.output


class Running:
    """The examples of some groups of commands; a class is the share of one test process."""

    groups: tuple[str, ...]

    def test_it_runs(self, cloud: LocalCloud, tmp_path: Path, example: Example) -> None:
        """What Google's own help shows must do what it says there."""
        ended = run(example, cloud.home, tmp_path)
        assert (ended.code, example.prints in ended.output) == (0, True), ended.output


class TestRun(Running):
    groups = ("run",)


class TestBuilds(Running):
    groups = ("builds", "logging", "iam")


class TestImages(Running):
    groups = ("artifacts", "container")


class TestStorage(Running):
    groups = ("storage",)


class TestAccounts(Running):
    groups = ("config", "auth", "projects", "services")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Give each class its examples."""
    if metafunc.cls is not None:
        chosen = [row for row in examples("run") if row.command.split()[0] in metafunc.cls.groups]
        metafunc.parametrize("example", chosen, ids=str)


def test_every_group_of_commands_is_run() -> None:
    """A group that no class names would be classed as running and never run."""
    grouped = [group for part in Running.__subclasses__() for group in part.groups]
    assert sorted(grouped) == sorted({name.split()[0] for name in commands()})
