"""The exercises of the lessons: what each takes, its hints, its solution, and who has passed.

The texts stand in one file a lesson beside this one, named like its notebook. The task itself is
prose of the notebook, and `helpers.check` looks whether it is done.
"""

from __future__ import annotations

import json
import os
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path

import platformdirs

FOLDER = Path(__file__).parent
PROGRESS = "HANDS_ON_PROGRESS"
"""The environment variable that names another file for the progress."""


@dataclass(frozen=True)
class Exercise:
    """One exercise of the lesson ``lesson``, the name of a notebook without its ending.

    ``minutes`` is how long a reader is expected to take, ``solution`` the source of the cell that
    solves it, with the names of the notebook's own variables.
    """

    name: str
    lesson: str
    minutes: int
    hints: tuple[str, ...]
    solution: str


@cache
def everything() -> dict[str, Exercise]:
    """Return the exercises by name, in the order of the lessons.

    Raises:
        ValueError: a text lacks something, or two have one name.
    """
    found: dict[str, Exercise] = {}
    for path in sorted(FOLDER.glob("*.toml")):
        for name, texts in tomllib.loads(path.read_text(encoding="utf-8")).items():
            if name in found or set(texts) != {"minutes", "hints", "solution"}:
                raise ValueError(f"{path.name}: {name} is there twice, or lacks a text")
            hints = tuple(texts["hints"])
            solution = texts["solution"].strip()
            found[name] = Exercise(name, path.stem, texts["minutes"], hints, solution)
    return found


def record_passed(name: str) -> None:
    """Remember on this machine that an exercise was passed today, if it wasn't before."""
    done = {name: date.today().isoformat(), **passed()}
    path = _progress_file()
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_suffix(f".{os.getpid()}")
    fresh.write_text(json.dumps(done, indent=2) + "\n", encoding="utf-8")
    fresh.replace(path)


def passed() -> dict[str, str]:
    """Return the exercises that were passed on this machine, and when first (as ``2026-11-28``)."""
    try:
        found = json.loads(_progress_file().read_text(encoding="utf-8"))
    except (FileNotFoundError, json.JSONDecodeError):
        return {}
    return found if isinstance(found, dict) else {}


def progress(lessons: Iterable[str] = ()) -> list[tuple[str, str, str]]:
    """Return for each exercise its lesson, its name, and when it was first passed or ``not yet``.

    Args:
        lessons: names of notebooks; all by default.
    """
    done = passed()
    wanted = set(lessons)
    return [
        (one.lesson, one.name, done.get(one.name, "not yet"))
        for one in everything().values()
        if not wanted or one.lesson in wanted
    ]


def _progress_file() -> Path:
    named = os.environ.get(PROGRESS)
    return Path(named or platformdirs.user_state_path("cloud-run-hands-on") / "progress.json")
