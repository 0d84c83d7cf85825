"""The wiki page of 2021 as a map: each of its statements, what holds, and the lesson about it."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path

COLUMNS = ("", "the wiki page said, in 2021", "then", "now", "lesson")
DATA = Path(__file__).with_suffix(".toml")


@dataclass(frozen=True)
class Statement:
    """One statement of the page.

    ``lines`` are the lines of the page's source that make it, ``said`` is what it says, in
    English. ``then`` and ``now`` are what held in 2021 and what holds today, by ``source``, an
    address, or empty where the page itself is the source. ``lesson`` is the name of a notebook,
    ``anchor`` a heading in it, with hyphens for the blanks.
    """

    id: str
    lines: tuple[int, ...]
    said: str
    then: str
    now: str
    source: str
    lesson: str
    anchor: str


def statements() -> list[Statement]:
    """Return the statements, in the order of the page."""
    entries = tomllib.loads(DATA.read_text(encoding="utf-8"))["statement"]
    return [
        Statement(f"W{number:02}", tuple(entry.pop("lines")), **entry)
        for number, entry in enumerate(entries, start=1)
    ]


def rows(notebooks: Path = Path()) -> list[tuple[str, ...]]:
    """Return the map, for a table with `COLUMNS`.

    Args:
        notebooks: the folder of the lessons. Those that are there are linked, the others named.
    """
    table: list[tuple[str, ...]] = []
    for one in statements():
        file = f"{one.lesson}.ipynb"
        linked = f"[{one.lesson}]({file}#{one.anchor})"
        lesson = linked if (notebooks / file).exists() else one.lesson
        now = f"{one.now} ([source]({one.source}))" if one.source else one.now
        table.append((one.id, one.said, one.then, now, lesson))
    return table
