"""The lessons of the course and its tracks, as ``notebooks/course.toml`` lists them."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

GOOGLE = ("yes", "needs-domain", "needs-vpn", "local-only")
"""What a lesson may say to: do the same cells run on Google Cloud?"""

LISTS = ("before", "terms")
"""The entries of a lesson that are lists of strings; the others are strings."""

MOST_TERMS = 6
"""How many new words one lesson may define."""


class CourseError(Exception):
    """The course can't be run as it is; the text says what to mend."""


@dataclass(frozen=True)
class Lesson:
    """One notebook and what the course says about it.

    ``google`` is one of `GOOGLE`. ``executed`` is the date on which the lesson was last executed
    on Google Cloud, or ``"never"``. ``cost`` is a sentence in Markdown: what is billed there and
    what goes on being billed. ``before`` names the notebooks to read first, ``terms`` the words
    that the lesson defines.
    """

    file: str
    title: str
    google: str
    executed: str
    cost: str
    before: tuple[str, ...]
    terms: tuple[str, ...]

    @property
    def name(self) -> str:
        """The file's name without its ending, such as ``00-start-here``."""
        return Path(self.file).stem


@dataclass(frozen=True)
class Track:
    """What a session does: the cells of ``lessons`` that can't be skipped, in ``minutes``."""

    name: str
    minutes: int
    lessons: tuple[Lesson, ...]


def listed(folder: Path) -> tuple[Lesson, ...]:
    """Return the lessons that the ``course.toml`` of ``folder`` lists, in reading order.

    Raises:
        CourseError: the list doesn't parse, or an entry is wrong.
    """
    path = folder / "course.toml"
    data = _read(path)
    lessons = tuple(_lesson(entry, path) for entry in data["lesson"])
    files = [lesson.file for lesson in lessons]
    if files != sorted(set(files)):
        raise CourseError(f"{path} lists a notebook twice, or not in the order of the names")
    for lesson in lessons:
        unknown = set(lesson.before) - set(files[: files.index(lesson.file)])
        if unknown:
            raise CourseError(f"{lesson.file} says to read {sorted(unknown)[0]!r} before it")
    return lessons


def track(folder: Path, name: str) -> Track:
    """Return the track ``name`` that the ``course.toml`` of ``folder`` lists.

    Raises:
        CourseError: as `listed`; or there is no such track, or its entry is wrong.
    """
    path = folder / "course.toml"
    entries = {entry.get("name"): entry for entry in _read(path).get("track", [])}
    if name not in entries:
        raise CourseError(f"there is no track {name!r}; the tracks are: {', '.join(entries)}")
    entry = entries[name]
    if set(entry) != {"name", "minutes", "lessons"} or not isinstance(entry["minutes"], int):
        raise CourseError(f"{path}: the track {name} has a name, minutes and lessons")
    lessons = {lesson.file: lesson for lesson in listed(folder)}
    if list(entry["lessons"]) != [file for file in lessons if file in entry["lessons"]]:
        raise CourseError(f"{path}: the track {name} takes lessons once each, in reading order")
    return Track(name, entry["minutes"], tuple(lessons[file] for file in entry["lessons"]))


def load(folder: Path) -> tuple[Lesson, ...]:
    """Return the lessons of ``folder``, in reading order.

    Args:
        folder: holds ``course.toml`` and the notebooks.

    Raises:
        CourseError: as `listed`; or a listed notebook is missing; or a notebook is not listed.
    """
    lessons = listed(folder)
    files = {lesson.file for lesson in lessons}
    present = {
        file.relative_to(folder).as_posix()
        for file in folder.rglob("*.ipynb")
        if ".ipynb_checkpoints" not in file.parts
    }
    if present - files:
        raise CourseError(f"{sorted(present - files)[0]} is not listed in {folder / 'course.toml'}")
    if files - present:
        missing = sorted(files - present)[0]
        raise CourseError(f"{missing} is listed in {folder / 'course.toml'} but missing")
    return lessons


def _read(path: Path) -> dict[str, Any]:
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise CourseError(f"{path} can't be read: {error}") from error
    if not {"lesson"} <= set(data) <= {"lesson", "track"}:
        raise CourseError(f"{path} holds [[lesson]] and [[track]], and nothing else")
    return data


def _lesson(entry: dict[str, Any], path: Path) -> Lesson:
    name = entry.get("file", "a lesson without a file")
    wanted = {field.name for field in fields(Lesson)}
    if set(entry) != wanted:
        odd = sorted(set(entry) ^ wanted)[0]
        raise CourseError(f"{path}: {name}: {odd!r} is {'unknown' if odd in entry else 'missing'}")
    for key, value in entry.items():
        texts = value if key in LISTS else [value]
        if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
            kind = "a list of strings" if key in LISTS else "a string"
            raise CourseError(f"{path}: {name}: {key!r} must be {kind}")
    if entry["google"] not in GOOGLE:
        raise CourseError(f"{path}: {name}: 'google' must be one of {', '.join(GOOGLE)}")
    if len(entry["terms"]) > MOST_TERMS:
        raise CourseError(f"{path}: {name}: more than {MOST_TERMS} new terms")
    lists = {key: tuple(entry[key]) for key in LISTS}
    return Lesson(**{**entry, **lists})
