"""What Markdown says: its headings, paragraphs, items and cells, as a reader meets them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import unquote

import nbformat
from markdown_it import MarkdownIt
from markdown_it.token import Token

PARSER = MarkdownIt("commonmark").enable("table")
SENTENCE_END = re.compile(r"(?<=[.?!])[)\"'*]*\s+")


@dataclass(frozen=True)
class Piece:
    """A part of a passage that is in bold, or code, or neither."""

    text: str
    bold: bool
    code: bool


@dataclass(frozen=True)
class Passage:
    """One heading, paragraph, item of a list or cell of a table.

    ``heading`` is its level, 0 where it is none. ``quoted`` says that it stands in a block quote.
    ``links`` are the addresses of links and pictures, ``pictures`` the words that stand for each
    picture.
    """

    heading: int
    quoted: bool
    listed: bool
    pieces: tuple[Piece, ...]
    links: tuple[str, ...]
    pictures: tuple[str, ...]

    @property
    def text(self) -> str:
        """The words without their marks."""
        return "".join(piece.text for piece in self.pieces)

    def sentences(self) -> list[str]:
        """Return its sentences; a piece of code counts as one word in them."""
        text = "".join("`code`" if piece.code else piece.text for piece in self.pieces)
        return [sentence for sentence in SENTENCE_END.split(text) if sentence]


def passages(markdown: str) -> Iterator[Passage]:
    """Yield the passages of ``markdown`` in order; blocks of code and of HTML are none."""
    heading = quotes = lists = 0
    for token in PARSER.parse(markdown):
        if token.type == "inline":
            yield _passage(token, heading, quotes > 0, lists > 0)
        elif token.type.startswith("heading"):
            heading = int(token.tag[1]) if token.nesting > 0 else 0
        elif token.type.startswith("blockquote"):
            quotes += token.nesting
        elif token.type.startswith("list_item"):
            lists += token.nesting


def _passage(inline: Token, heading: int, quoted: bool, listed: bool) -> Passage:
    pieces: list[Piece] = []
    links, pictures = [], []
    bold = 0
    for token in inline.children or []:
        if token.type.endswith("break") or (
            token.type in ("text", "code_inline") and token.content
        ):
            piece = Piece(token.content or " ", bold > 0, token.type == "code_inline")
            if pieces and replace(pieces[-1], text="") == replace(piece, text=""):
                piece = replace(piece, text=pieces.pop().text + piece.text)
            pieces.append(piece)
        elif token.type == "image":
            pictures.append(token.content)
            links.append(unquote(str(token.attrs["src"])))
        elif token.type == "link_open":
            links.append(unquote(str(token.attrs["href"])))
        elif token.type.startswith("strong"):
            bold += token.nesting
    return Passage(heading, quoted, listed, tuple(pieces), tuple(links), tuple(pictures))


def anchor(heading: str) -> str:
    """Return the anchor that GitHub and JupyterLab give to a heading of a notebook."""
    return heading.strip().replace(" ", "-")


def anchors(path: Path) -> set[str]:
    """Return the anchors of the notebook, or of the page of Markdown, ``path``.

    GitHub makes those of a page by other rules than those of a notebook: lower case, and no
    punctuation.
    """
    if path.suffix != ".ipynb":
        texts = [one.text for one in passages(path.read_text(encoding="utf-8")) if one.heading]
        return {re.sub(r"[^\w\- ]", "", text.lower()).replace(" ", "-") for text in texts}
    cells = nbformat.read(path, as_version=4).cells
    sources = [cell.source for cell in cells if cell.cell_type == "markdown"]
    return {anchor(one.text) for source in sources for one in passages(source) if one.heading}


def dead_links(markdown: str, path: Path) -> list[str]:
    """Return the links of ``markdown``, which stands in ``path``, to what is not in the tree."""
    dead = []
    for link in [link for one in passages(markdown) for link in one.links]:
        file, _, place = link.partition("#")
        target = path.parent / file if file else path
        if re.match(r"[a-z]+:", link):
            continue
        if not target.exists() or (place and place not in anchors(target)):
            dead.append(link)
    return dead
