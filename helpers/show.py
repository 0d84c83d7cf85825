"""Tables, pictures and source code, shown so that they read the same everywhere.

In JupyterLab, on GitHub and in a book: GitHub strips style and SVG from outputs, so a table is
plain HTML with a text twin, and a picture is a PNG with a sentence for those who can't see it.
"""

from __future__ import annotations

import html
import inspect
import io
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import IPython.display

if TYPE_CHECKING:
    import requests
    from matplotlib.figure import Figure

display: Any = IPython.display.display
Picture: Any = IPython.display.Image

PNG_DPI = 120
LEFT = 'style="text-align: left"'
"""JupyterLab sets tables to the right; GitHub, which strips this, does not."""

MOST_TEXT = 300
"""Characters of an answer's text that are shown."""


class Table:
    """Rows of cells. Of Markdown a cell may hold `` `code` `` and ``[text](address)``.

    An address by itself stays text, so that no click leads to a stranger's service.
    """

    def __init__(self, rows: Iterable[Sequence[object]], columns: Sequence[str] = ()) -> None:
        self.columns = tuple(columns)
        self.rows = [tuple(str(cell) for cell in row) for row in rows]

    def __repr__(self) -> str:
        """The table as text, its columns aligned."""
        lines = [self.columns, *self.rows] if self.columns else self.rows
        plain = [[re.sub(r"\[(.*?)\]\(.*?\)", r"\1", cell) for cell in line] for line in lines]
        widths = [max(map(len, column)) for column in zip(*plain, strict=True)]
        if self.columns:
            plain.insert(1, ["-" * width for width in widths])
        return "\n".join(
            "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
            for line in plain
        )

    def _repr_html_(self) -> str:
        lines = [("th", self.columns)] if self.columns else []
        lines += [("td", row) for row in self.rows]
        markup = "\n".join(
            "<tr>" + "".join(f"<{tag} {LEFT}>{_html(cell)}</{tag}>" for cell in line) + "</tr>"
            for tag, line in lines
        )
        return f"<table>\n{markup}\n</table>"


def table(
    rows: Iterable[Sequence[object]] | Mapping[str, object], columns: Sequence[str] = ()
) -> None:
    """Show a table.

    Args:
        rows: the rows, or a mapping, which becomes two columns.
        columns: the heads of the columns; none by default.
    """
    display(Table(rows.items() if isinstance(rows, Mapping) else rows, columns))


def source(function: Callable[..., object]) -> None:
    """Print the source code of a function, as it stands in its file."""
    print(inspect.getsource(function).rstrip())


def answer(response: requests.Response) -> None:
    """Show an answer to an HTTP request: its status, its type, and its text without HTML."""
    text = re.sub(r"<(title|style|script)\b.*?</\1>", "", response.text, flags=re.DOTALL)
    text = re.sub(r"</?(a|b|code|em|i|span|strong)\b[^>]*>", "", text)
    text = " ".join(html.unescape(re.sub(r"<[^>]*>", " ", text)).split())
    table(
        {
            "status": f"{response.status_code} {response.reason}",
            "type": response.headers.get("Content-Type", ""),
            "text": text if len(text) <= MOST_TEXT else f"{text[:MOST_TEXT]} ...",
        }
    )


def chain(parts: Sequence[str], arrows: Sequence[str], alt: str) -> None:
    """Show boxes in a row, joined by arrows.

    Args:
        parts: the text of each box.
        arrows: what happens between one box and the next: one text fewer than ``parts``.
        alt: the picture in one sentence, for those who can't see it.
    """
    drawing = figure(2.1 * len(parts), 1.3)
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
    picture(drawing, alt)


def timeline(spans: Mapping[str, tuple[float, float]], alt: str) -> None:
    """Show when each of several things began and ended.

    Args:
        spans: for each name its beginning and its end, in seconds.
        alt: the picture in one sentence, for those who can't see it.
    """
    drawing = figure(7.5, 0.6 + 0.4 * len(spans))
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
    picture(drawing, alt)


def figure(width: float, height: float) -> Figure:
    """Return an empty figure of that many inches, to draw on."""
    # Not by pyplot: that keeps every figure, and would show this one a second time.
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained")


def picture(drawing: Figure, alt: str) -> None:
    """Show what was drawn; ``alt`` is it in words, for those who can't see it."""
    png = io.BytesIO()
    drawing.savefig(png, format="png", dpi=PNG_DPI)
    display(Picture(png.getvalue(), alt=alt))


def _html(text: str) -> str:
    text = html.escape(text, quote=False)
    text = re.sub(r"`(.*?)`", r"<code>\1</code>", text)
    return re.sub(r"\[(.*?)\]\((.*?)\)", r'<a href="\2">\1</a>', text)
