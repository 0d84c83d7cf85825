"""Tables, answers and source code, shown so that they read the same everywhere.

In JupyterLab, on GitHub and in a book: GitHub strips style from outputs, so a table is plain HTML
with a text twin.
"""

from __future__ import annotations

import html
import inspect
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import IPython.display

if TYPE_CHECKING:
    import requests

display: Any = IPython.display.display

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


def _html(text: str) -> str:
    text = html.escape(text, quote=False)
    text = re.sub(r"`(.*?)`", r"<code>\1</code>", text)
    return re.sub(r"\[(.*?)\]\((.*?)\)", r'<a href="\2">\1</a>', text)
