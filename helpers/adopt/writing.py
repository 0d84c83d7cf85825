"""What a team's copy consists of, and what it is made from."""

from __future__ import annotations

import json
import os
import re
import string
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

import nbformat

from helpers import regions, source
from helpers.adopt import origin
from helpers.course.catalogue import CourseError

PROJECT_ID = re.compile(r"[a-z][a-z0-9-]{4,28}[a-z0-9]")
"""Source: https://docs.cloud.google.com/resource-manager/docs/creating-managing-projects
(2026-11-28)
"""

SERVICE_ID = re.compile(r"[a-z]([a-z0-9-]{0,47}[a-z0-9])?")
"""Source: https://docs.cloud.google.com/run/docs/reference/rest/v2/projects.locations.services/create
(2026-11-28)
"""

RUNBOOK = "runbook.ipynb"
REQUIREMENTS = "requirements.txt"
WORKFLOWS = ".github/workflows"
WRITTEN = {
    "Makefile": "Makefile",
    "README.md": "README.md",
    "gitignore": ".gitignore",
    "pytest.ini": "pytest.ini",
    "sanitize.cfg": "sanitize.cfg",
    "workflow.yml": f"{WORKFLOWS}/runbook-%{{service}}.yml",
}
"""Which template becomes which file."""


class _Template(string.Template):
    """``%{name}`` stands for a value: neither make nor GitHub has that form."""

    delimiter = "%"


@dataclass(frozen=True)
class Adopted:
    """What a copy is made for; every value was checked."""

    folder: Path
    project: str
    region: str
    service: str
    source: Path

    @property
    def runbook(self) -> Path:
        """The notebook."""
        return self.folder / RUNBOOK

    @property
    def repository(self) -> Path:
        """The root of the git repository that the copy and the source are, or shall be, in."""
        here, there = self.folder.resolve(), self.source.resolve()
        roots = [folder for folder in (there, *there.parents) if (folder / ".git").exists()]
        if roots and here.is_relative_to(roots[0]):
            return roots[0]
        return Path(os.path.commonpath([here, there]))

    def next_steps(self) -> list[str]:
        """Return what the team has still to do, in words."""
        steps = []
        if origin.OWNER in (self.folder / REQUIREMENTS).read_text(encoding="utf-8"):
            steps.append(
                f"Write the address of this project's repository into {self.folder / REQUIREMENTS}."
            )
        if self.repository != self.folder.resolve():
            steps.append(
                f"Move the file in {self.folder / WORKFLOWS} to the same folder in the root of"
                " your repository: GitHub reads it only there."
            )
        return [*steps, f"Read {self.folder / 'README.md'}, then commit what was written."]


def checked(folder: Path, project: str, region: str, service: str, source: Path) -> Adopted:
    """Return what a copy is made for. Nothing is written.

    Args:
        folder: where it shall be; new or empty.
        project: the project's id.
        region: a region of Cloud Run, or its city.
        service: the name that the service shall have.
        source: the folder with the app's Dockerfile.

    Raises:
        CourseError: one of them is wrong; the text says in a sentence which, and why.
    """
    if folder.exists() and not (folder.is_dir() and not any(folder.iterdir())):
        raise CourseError(f"{folder} is there already, and not empty: choose a new folder.")
    if not PROJECT_ID.fullmatch(project):
        raise CourseError(
            f"{project!r} can't be a project's id, which has 6 to 30 lowercase letters, digits and"
            " hyphens, begins with a letter and does not end with a hyphen."
        )
    if not SERVICE_ID.fullmatch(service):
        raise CourseError(
            f"{service!r} can't be a service's name, which has at most 49 lowercase letters, digits"
            " and hyphens, begins with a letter and does not end with a hyphen."
        )
    try:
        found = regions.find(region)
    except ValueError as error:
        raise CourseError(str(error)) from None
    if not (source / "Dockerfile").is_file():
        raise CourseError(f"{source} has no Dockerfile.")
    _check_not_uploaded(folder, source)
    return Adopted(folder, project, found.name, service, source)


def write(adopted: Adopted) -> None:
    """Write the copy. Its runbook is not executed yet."""
    home = adopted.folder.resolve()
    values = {
        "project": adopted.project,
        "region": adopted.region,
        "service": adopted.service,
        "folder": home.relative_to(adopted.repository).as_posix(),
        "python": f"{sys.version_info.major}.{sys.version_info.minor}",
    }
    texts = {
        _filled(target, values): _filled(_template(name), values)
        for name, target in WRITTEN.items()
    }
    texts[REQUIREMENTS] = "\n".join([origin.requirement(), "nbval", "pytest", ""])
    texts["constraints.txt"] = "\n".join([*origin.versions(), ""])
    for name, text in texts.items():
        (home / name).parent.mkdir(parents=True, exist_ok=True)
        (home / name).write_text(text, encoding="utf-8")

    notebook = nbformat.reads(_template(RUNBOOK), as_version=4)
    cells = {cell.id: cell for cell in notebook.cells}
    cells["title"].source = _filled(cells["title"].source, values)
    parameters = {
        "cloud": "local",
        "project": adopted.project,
        "region": adopted.region,
        "service": adopted.service,
        "repository": adopted.service,
        "source": Path(os.path.relpath(adopted.source.resolve(), home)).as_posix(),
        "path": "/",
    }
    cells["parameters"].source = "\n".join(
        f"{name} = {json.dumps(value, ensure_ascii=False)}" for name, value in parameters.items()
    )
    nbformat.write(notebook, adopted.runbook)


def _template(name: str) -> str:
    return (files("helpers.adopt") / "templates" / name).read_text(encoding="utf-8")


def _filled(text: str, values: Mapping[str, str]) -> str:
    return _Template(text).substitute(values)


def _check_not_uploaded(folder: Path, where: Path) -> None:
    """Refuse a folder that each build would upload with the app."""
    here, there = folder.resolve(), where.resolve()
    if here.is_relative_to(there):
        inside = here.relative_to(there).as_posix()
        if source.is_uploaded(where, f"{inside}/"):
            raise CourseError(
                f"{folder} is inside {where}, so each build would upload it: write /{inside}/ into"
                f" {where / '.gcloudignore'} first, or choose a folder elsewhere."
            )
