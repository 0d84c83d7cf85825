"""Pictures of what a lesson found: the way of a request, times, and what is kept where.

Each is drawn from plain data, and its words for those who can't see it are made from the same. What
a colour says, a mark, a line or a word says too. GitHub strips SVG from outputs, so each is a PNG.
"""

from __future__ import annotations

import io
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import IPython.display

from helpers.show import display

if TYPE_CHECKING:
    from google.cloud.artifactregistry_v1 import DockerImage
    from google.cloud.run_v2 import TrafficTargetStatus
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.patches import FancyBboxPatch

Picture: Any = IPython.display.Image
PNG_DPI = 120

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


@dataclass(frozen=True)
class Request:
    """One request: when it was sent and when it was answered, in seconds of one clock.

    ``instance`` is who answered it, empty where no instance did.
    """

    instance: str
    sent: float
    answered: float


def way(stations: Sequence[Station]) -> None:
    """Show what a request passes on its way, from top to bottom, and where it ends.

    What is not used stands beside the way.

    Raises:
        ValueError: a station has a state that there isn't.
    """
    for station in stations:
        _one_of(_STATES, station.state)
    drawing = _figure(7.5, 0.62 * len(stations) + 0.1)
    axes = drawing.subplots()
    axes.axis("off")
    axes.set(xlim=(0, 7.5), ylim=(len(stations) - 0.45, -0.55))
    before: int | None = None
    for place, station in enumerate(stations):
        mark, colour, line, fill = _STATES[station.state]
        left = 0.75 if station.state == NOT_USED else 0.05
        box = _box(axes, left, place - 0.27, 3.25 - left, 0.54, fill, colour)
        box.set(linestyle=line, linewidth=2 if station.state == STOPPED else 1.2)
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
    _show(drawing, f"The way of a request. {words}.")


def times(bars: Sequence[Time]) -> None:
    """Show how long things took, side by side, and where each number is from.

    Raises:
        ValueError: a bar is of a kind that there isn't.
    """
    for bar in bars:
        _one_of(_KINDS, bar.kind)
    drawing = _figure(7.5, 0.6 + 0.4 * len(bars))
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
    _show(drawing, f"Times side by side. {words}.")


def traffic(targets: Sequence[TrafficTargetStatus], known: Sequence[str] = ()) -> None:
    """Show which revisions answer at a service's address, and which at those of its traffic tags.

    Args:
        targets: the traffic of the service, as Cloud Run tells it in ``traffic_statuses``.
        known: the short names of revisions that are shown even if they get no requests.
    """
    shares = dict.fromkeys([*(target.revision for target in targets), *known], 0)
    tags: dict[str, list[str]] = {revision: [] for revision in shares}
    for target in targets:
        shares[target.revision] += target.percent
        tags[target.revision] += [target.tag] if target.tag else []
    drawing = _figure(7.5, 0.8 * max(2, len(shares)))
    axes = drawing.subplots()
    axes.axis("off")
    middle = (len(shares) - 1) / 2
    axes.set(xlim=(0, 7.5), ylim=(max(1.5, len(shares) - 0.5), min(-0.5, middle - 1)))
    centred: Any = {"ha": "center", "va": "center", "color": INK}
    used = {"boxstyle": "round,pad=0.5", "facecolor": "#e8f0fe", "edgecolor": BLUE}
    unused = used | {"facecolor": "white", "edgecolor": GREY, "linestyle": "dotted"}
    number = {"facecolor": "white", "edgecolor": "none", "pad": 2}
    axes.text(0.8, middle, "the service's\naddress", bbox=used, **centred)
    words = []
    for place, (revision, percent) in enumerate(shares.items()):
        at = tags[revision]
        axes.text(4, place, revision, bbox=used if percent or at else unused, **centred)
        said = []
        if percent:
            arrow = {"arrowstyle": "->", "color": BLUE, "linewidth": 1 + percent / 20}
            axes.annotate("", (3, place), (1.55, middle), arrowprops=arrow)
            height = (place + middle) / 2
            axes.text(2.3, height, f"{percent} %", bbox=number, **centred)
            said.append(f"{percent} % of the requests to the service")
        if at:
            dashed = {"arrowstyle": "->", "color": INK, "linestyle": "dashed"}
            axes.annotate("", (5, place), (6, place), arrowprops=dashed)
            axes.text(6.5, place, "tag\n" + "\n".join(at), **centred)
            said.append(f"all at the address of the tag {' and of '.join(at)}")
        words.append(f"{revision}: {', '.join(said) or 'no requests'}")
    _show(drawing, f"Which revision gets which requests. {'; '.join(words)}.")


def instances(requests: Sequence[Request]) -> None:
    """Show which instance answered which of several requests, and from when to when each took.

    Requests that were under way at the same time stand below one another.
    """
    first = min((request.sent for request in requests), default=0)
    rows: dict[str, list[tuple[float, float]]] = {}
    for request in sorted(requests, key=lambda request: (not request.instance, request.answered)):
        span = (request.sent - first, request.answered - first)
        rows.setdefault(request.instance, []).append(span)
    lines = {instance: _lines(spans) for instance, spans in rows.items()}
    heights = {instance: max(0.4, 0.1 * max(lines[instance]) + 0.2) for instance in rows}
    drawing = _figure(7.5, 0.7 + sum(heights.values()))
    axes = drawing.subplots()
    top = 0.0
    ticks, words = [], []
    for instance, spans in rows.items():
        thick = (heights[instance] - 0.16) / max(lines[instance])
        for (begin, end), line in zip(spans, lines[instance], strict=True):
            middle = top + 0.08 + thick * (line - 0.5)
            (bar,) = axes.barh(middle, end - begin, 0.8 * thick, begin, linewidth=0.6)
            if instance:
                bar.set(facecolor=BLUE, edgecolor=INK)
            else:
                bar.set(facecolor="white", edgecolor=RED, hatch="//////")
        label = f"{instance}: {len(spans)} answered" if instance else f"{len(spans)} refused"
        ticks.append((top + heights[instance] / 2, label))
        top += heights[instance]
        axes.axhline(top, color=GREY, linewidth=0.4)
        after = sorted(end for _, end in spans)
        words.append(f"{label}, {_read(after[0])} to {_read(after[-1])}")
    axes.set_yticks([place for place, _ in ticks], [text for _, text in ticks])
    axes.set(ylim=(top or 1, 0), xlabel="seconds since the first request was sent")
    axes.set_xlim(left=0)
    axes.spines[["top", "right"]].set_visible(False)
    said = "; ".join(words) or "none"
    _show(drawing, f"Requests by the instance that answered, and when the answers came. {said}.")


def chain(parts: Sequence[str], arrows: Sequence[str]) -> None:
    """Show boxes in a row, joined by arrows.

    Args:
        parts: the text of each box.
        arrows: what happens between one box and the next: one text fewer than ``parts``.
    """
    drawing = _figure(2.1 * len(parts), 1.3)
    axes = drawing.subplots()
    axes.axis("off")
    axes.set(xlim=(-0.45, len(parts) - 0.55), ylim=(-0.6, 0.6))
    for place, text in enumerate(parts):
        box = {"boxstyle": "round,pad=0.5", "facecolor": "#e8f0fe", "edgecolor": "#1a73e8"}
        axes.text(place, 0, text, ha="center", va="center", bbox=box)
    for place, text in enumerate(arrows):
        arrow = {"arrowstyle": "->", "color": "#5f6368"}
        axes.annotate("", (place + 0.66, 0), (place + 0.34, 0), arrowprops=arrow)
        axes.text(place + 0.5, 0.12, text, ha="center", va="bottom", fontsize=8, color="#5f6368")
    words = "; ".join(
        f"from {here} to {there}: {arrow}"
        for here, there, arrow in zip(parts, parts[1:], arrows, strict=False)
    )
    _show(drawing, f"Boxes in a row, joined by arrows: {' '.join(words.split())}.")


def timeline(spans: Mapping[str, tuple[float, float]]) -> None:
    """Show when each of several things began and ended.

    Args:
        spans: for each name its beginning and its end, in seconds.
    """
    drawing = _figure(7.5, 0.6 + 0.4 * len(spans))
    axes = drawing.subplots()
    for place, (begin, end) in enumerate(spans.values()):
        axes.barh(place, end - begin, left=begin, height=0.6, color="#1a73e8")
        axes.text(end, place, f" {end - begin:.1f} s", va="center")
    axes.set_yticks(range(len(spans)), list(spans))
    axes.invert_yaxis()
    axes.set_xlabel("seconds")
    axes.margins(x=0.12)
    axes.set_xlim(left=0)
    axes.spines[["top", "right"]].set_visible(False)
    words = "; ".join(
        f"{name}: {_read(begin)} to {_read(end)}" for name, (begin, end) in spans.items()
    )
    _show(drawing, f"What took how long, on one axis of time. {words}.")


def registry_map(repositories: Mapping[str, Sequence[DockerImage]]) -> None:
    """Show what the repositories of a lesson hold, side by side, the oldest image on top.

    An image that is in several of them stands in one row.

    Args:
        repositories: for each location the images there, as Artifact Registry lists them.
    """
    every = [image for images in repositories.values() for image in images]
    every.sort(key=lambda image: image.upload_time)
    rows = list(dict.fromkeys(map(_digest, every))) or [""]
    drawing = _figure(3.8 * len(repositories), 0.75 * len(rows) + 0.6)
    axes = drawing.subplots()
    axes.axis("off")
    axes.set(xlim=(-0.1, 3.8 * len(repositories) - 0.7), ylim=(len(rows) - 0.4, -1.05))
    centred: Any = {"ha": "center", "va": "center", "color": INK}
    over = {"facecolor": "white", "edgecolor": "none", "pad": 2}
    words = []
    beside: set[str] = set()
    for column, (place, images) in enumerate(repositories.items()):
        left = 3.8 * column
        _box(axes, left, -1, 3, len(rows) + 0.55, "white", GREY)
        axes.text(left + 1.5, -0.7, place, weight="bold", **centred)
        if not images:
            axes.text(left + 1.5, 0, "nothing", **centred)
        for image in images:
            row = rows.index(_digest(image))
            _box(axes, left + 0.15, row - 0.37, 2.7, 0.74, "#e8f0fe", BLUE)
            axes.text(left + 0.3, row - 0.14, _tags(image), va="center", color=INK)
            axes.text(left + 0.3, row + 0.16, _name(image), va="center", fontsize=8, color=INK)
            if _digest(image) in beside:
                axes.plot((left - 0.95, left + 0.15), (row, row), color=BLUE)
                axes.text(left - 0.4, row, "the same\ndigest", fontsize=8, bbox=over, **centred)
        beside = {_digest(image) for image in images}
        in_order = sorted(images, key=lambda image: image.upload_time)
        held = "; ".join(f"{_name(image)}, {_tags(image)}" for image in in_order)
        words.append(f"{place}: {held or 'nothing'}.")
    _show(drawing, f"What the repositories hold, by location. {' '.join(words)}")


def _figure(width: float, height: float) -> Figure:
    # Not by pyplot: that keeps every figure, and would show this one a second time.
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained")


def _box(
    axes: Axes, left: float, top: float, width: float, height: float, fill: str, edge: str
) -> FancyBboxPatch:
    """Draw a box with round corners, on an axis that points down."""
    from matplotlib.patches import FancyBboxPatch

    style = "round,pad=0,rounding_size=0.1"
    box = FancyBboxPatch((left, top), width, height, style, mutation_aspect=1.6)
    box.set(facecolor=fill, edgecolor=edge, linewidth=1.2)
    axes.add_patch(box)
    return box


def _show(drawing: Figure, alt: str) -> None:
    """Show what was drawn; ``alt`` is it in words, for those who can't see it."""
    png = io.BytesIO()
    drawing.savefig(png, format="png", dpi=PNG_DPI)
    display(Picture(png.getvalue(), alt=alt))


def _lines(spans: Sequence[tuple[float, float]]) -> list[int]:
    """For each span the first line, counted from 1, on which it overlaps no span before it."""
    ends: list[float] = []
    lines = []
    for begin, end in spans:
        line = next((line for line, last in enumerate(ends) if last <= begin), len(ends))
        ends[line : line + 1] = [end]
        lines.append(line + 1)
    return lines


def _said(station: Station) -> str:
    return f"{station.state}: {station.note}" if station.note else station.state


def _digest(image: DockerImage) -> str:
    """As much of the digest as registries print."""
    return image.uri.partition("@")[2][: len("sha256:") + 12]


def _name(image: DockerImage) -> str:
    short = image.uri.partition("@")[0].rpartition("/")[2]
    return f"{short}@{_digest(image)}"


def _tags(image: DockerImage) -> str:
    tags = sorted(image.tags)
    return f"{'tag' if len(tags) == 1 else 'tags'} {', '.join(tags)}" if tags else "no tag"


def _read(seconds: float) -> str:
    return f"{seconds * 1000:.0f} ms" if seconds < 0.1 else f"{seconds:.2f} s"


def _one_of(known: Mapping[str, object], given: str) -> None:
    if given not in known:
        raise ValueError(f"{given!r} is none of: {', '.join(known)}")
