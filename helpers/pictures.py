"""Pictures of what a lesson found: the way of a request, and times side by side.

Each is drawn from plain data, and its words for those who can't see it are made from the same. What
a colour says, a mark, a line or a word says too.
"""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from helpers import show

BLUE, RED, GREY, INK = "#1a73e8", "#b3261e", "#5f6368", "#202124"

PASSED = "passed"
STOPPED = "stopped"
NOT_REACHED = "not reached"
NOT_USED = "not used"

_STATES = {
    PASSED: ("\N{CHECK MARK}", BLUE, "solid", "#e8f0fe"),
    STOPPED: ("\N{BALLOT X}", RED, "solid", "#fce8e6"),
    NOT_REACHED: ("\N{HORIZONTAL ELLIPSIS}", GREY, "dotted", "white"),
    NOT_USED: ("\N{EN DASH}", GREY, "dashed", "white"),
}
"""Mark, colour of the line, kind of line, colour of the box."""

MEASURED = "measured"
SIMULATED = "simulated"
COMPUTED = "computed"
TOLD = "told in 2021"

_KINDS = {
    MEASURED: (BLUE, ""),
    SIMULATED: ("#aecbfa", "///"),
    COMPUTED: ("#e8eaed", "..."),
    TOLD: ("white", ""),
}
"""Colour and hatching of a bar."""


@dataclass(frozen=True)
class Station:
    """One thing on a request's way: what it is, one of the four states, and why."""

    name: str
    state: str
    note: str = ""


@dataclass(frozen=True)
class Time:
    """How long something took. ``kind`` is one of the four kinds: where the number is from."""

    name: str
    seconds: float
    kind: str


def way(stations: Sequence[Station]) -> None:
    """Show what a request passes on its way, from top to bottom, and where it ends.

    What is not used stands beside the way.

    Raises:
        ValueError: a station has a state that there isn't.
    """
    for station in stations:
        _one_of(_STATES, station.state)
    from matplotlib.patches import FancyBboxPatch

    drawing = show.figure(7.5, 0.62 * len(stations) + 0.1)
    axes = drawing.subplots()
    axes.axis("off")
    axes.set(xlim=(0, 7.5), ylim=(len(stations) - 0.45, -0.55))
    before: int | None = None
    for place, station in enumerate(stations):
        mark, colour, line, fill = _STATES[station.state]
        left = 0.75 if station.state == NOT_USED else 0.05
        axes.add_patch(
            FancyBboxPatch(
                (left, place - 0.27),
                3.25 - left,
                0.54,
                boxstyle="round,pad=0,rounding_size=0.1",
                mutation_aspect=1.6,
                facecolor=fill,
                edgecolor=colour,
                linestyle=line,
                linewidth=2 if station.state == STOPPED else 1.2,
            )
        )
        axes.text(left + 0.2, place, mark, ha="center", va="center", color=INK)
        axes.text(left + 0.38, place, station.name, va="center", color=INK)
        note = textwrap.fill(_said(station), 52)
        axes.text(3.45, place, note, va="center", fontsize=9, color=INK)
        if station.state != NOT_USED:
            if before is not None and station.state != NOT_REACHED:
                arrow = {"arrowstyle": "->", "color": INK}
                axes.annotate("", (0.4, place - 0.29), (0.4, before + 0.29), arrowprops=arrow)
            before = place
    words = "; ".join(f"{station.name}, {_said(station)}" for station in stations)
    show.picture(drawing, f"The way of a request. {words}.")


def times(bars: Sequence[Time]) -> None:
    """Show how long things took, side by side, and where each number is from.

    Raises:
        ValueError: a bar is of a kind that there isn't.
    """
    for bar in bars:
        _one_of(_KINDS, bar.kind)
    drawing = show.figure(7.5, 0.6 + 0.4 * len(bars))
    axes = drawing.subplots()
    for place, bar in enumerate(bars):
        colour, hatch = _KINDS[bar.kind]
        axes.barh(
            place, bar.seconds, height=0.6, color=colour, hatch=hatch, edgecolor=INK, linewidth=0.8
        )
        axes.text(bar.seconds, place, f"  {_read(bar.seconds)}, {bar.kind}", va="center")
    axes.set_yticks(range(len(bars)), [bar.name for bar in bars])
    axes.invert_yaxis()
    axes.set_xlabel("seconds")
    axes.set_xlim(0, 1.45 * max((bar.seconds for bar in bars), default=0) or 1)
    axes.spines[["top", "right"]].set_visible(False)
    words = "; ".join(f"{bar.name}: {_read(bar.seconds)}, {bar.kind}" for bar in bars)
    show.picture(drawing, f"Times side by side. {words}.")


def _said(station: Station) -> str:
    return f"{station.state}: {station.note}" if station.note else station.state


def _read(seconds: float) -> str:
    return f"{seconds * 1000:.0f} ms" if seconds < 0.1 else f"{seconds:.2f} s"


def _one_of(known: Mapping[str, object], given: str) -> None:
    if given not in known:
        raise ValueError(f"{given!r} is none of: {', '.join(known)}")
