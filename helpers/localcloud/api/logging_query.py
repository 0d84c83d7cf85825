"""The Logging query language: a filter's text as a tree.

Source: https://docs.cloud.google.com/logging/docs/view/logging-query-language (2026-11-24), whose
grammar is that of https://google.aip.dev/160. NOT binds tightest, then OR, then AND. How a filter
that cannot be read is refused: https://github.com/nextflow-io/nextflow/issues/3353 (2022-11).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple, NoReturn

from .. import unrecorded
from ..errors import GoogleError, unimplemented

MOST_CHARACTERS = 20_000
MOST_NESTED = 100
"""Parentheses and negations inside one another; this is ours, and keeps Python's stack safe."""

NOT_SERVED = ("cast", "ip_in_net", "regexp_extract", "sample", "search", "source")


@dataclass(frozen=True)
class Value:
    """What a field is compared with. ``quoted`` text is never a number, ``*`` or NULL_VALUE."""

    text: str
    quoted: bool = False


@dataclass(frozen=True)
class Compare:
    """``path operator value``. An operator is one of ``= != < <= > >= : =~ !~``."""

    path: tuple[str, ...]
    operator: str
    value: Value


@dataclass(frozen=True)
class Anywhere:
    """A value alone, which any field may have in it."""

    text: str


@dataclass(frozen=True)
class LogId:
    """``log_id("…")``: the entry stands in this log."""

    log: str


@dataclass(frozen=True)
class Not:
    """What must not be so."""

    term: Node


@dataclass(frozen=True)
class All:
    """Terms joined by AND, or by nothing. A filter without a word is ``All(())``."""

    terms: tuple[Node, ...]


@dataclass(frozen=True)
class Some:
    """Terms joined by OR."""

    terms: tuple[Node, ...]


Node = Compare | Anywhere | LogId | Not | All | Some
Leaf = Callable[[Value], Node]


def parse(query: str) -> Node:
    """Reads a filter.

    Raises GoogleError INVALID_ARGUMENT where it cannot be read, UNIMPLEMENTED for a function that
    is not served.
    """
    if len(query) > MOST_CHARACTERS:
        raise GoogleError("INVALID_ARGUMENT", unrecorded.filter_too_long(MOST_CHARACTERS))
    return _Parser(query).whole()


class _Token(NamedTuple):
    kind: str
    text: str
    start: int
    end: int


_TOKENS = re.compile(
    r"""(?P<skip>\s+|--[^\n]*)
    |(?P<string>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')
    |(?P<operator>=~|!~|!=|<=|>=|=|<|>|:)
    |(?P<mark>[(),.])
    |(?P<word>[^\s"'()=<>!~:,.]+)
    |(?P<wrong>.)""",
    re.VERBOSE | re.DOTALL,
)
_ESCAPE = re.compile(r"\\(x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|.)", re.DOTALL)
_ESCAPED = {"n": "\n", "t": "\t", "r": "\r", '"': '"', "'": "'", "\\": "\\"}


class _Parser:
    """One recursive descent over a filter."""

    def __init__(self, query: str) -> None:
        self._query = query
        self._tokens = [
            _Token(str(match.lastgroup), match[0], *match.span())
            for match in _TOKENS.finditer(query)
            if match.lastgroup != "skip"
        ]
        self._tokens.append(_Token("end", "", len(query), len(query)))
        self._at = 0
        self._depth = 0

    @property
    def _next(self) -> _Token:
        return self._tokens[self._at]

    def _take(self) -> _Token:
        token = self._next
        self._at += 1
        return token

    def _is(self, text: str) -> bool:
        """Whether the next token is this mark or operator word, unquoted."""
        return self._next.kind in ("mark", "word") and self._next.text == text

    def _expect(self, mark: str) -> None:
        if not self._is(mark):
            self._refuse()
        self._take()

    def _refuse(self, token: _Token | None = None) -> NoReturn:
        token = token or self._next
        line = self._query.count("\n", 0, token.start) + 1
        column = token.start - (self._query.rfind("\n", 0, token.start) + 1) + 1
        raise unparseable(f"syntax error at line {line}, column {column}, token '{token.text}'")

    def whole(self) -> Node:
        if self._next.kind == "end":
            return All(())
        found = self._all(self._restriction)
        if self._next.kind != "end":
            self._refuse()
        return found

    # A leaf is a restriction, or a value inside ``field=(…)``; the words between them are the same.

    def _all(self, leaf: Callable[[], Node]) -> Node:
        terms = [self._some(leaf)]
        while self._next.kind != "end" and not self._is(")"):
            if self._is("AND"):
                self._take()
            terms.append(self._some(leaf))
        return terms[0] if len(terms) == 1 else All(tuple(terms))

    def _some(self, leaf: Callable[[], Node]) -> Node:
        terms = [self._term(leaf)]
        while self._is("OR"):
            self._take()
            terms.append(self._term(leaf))
        return terms[0] if len(terms) == 1 else Some(tuple(terms))

    def _term(self, leaf: Callable[[], Node]) -> Node:
        self._depth += 1
        if self._depth > MOST_NESTED:
            raise GoogleError("INVALID_ARGUMENT", unrecorded.filter_too_deep(MOST_NESTED))
        try:
            if self._is("NOT"):
                self._take()
                return Not(self._term(leaf))
            if self._next.kind == "word" and self._next.text.startswith("-"):
                self._without_minus()
                return Not(self._term(leaf))
            if self._is("("):
                return self._group(leaf)
            if self._is("AND") or self._is("OR"):
                self._refuse()
            return leaf()
        finally:
            self._depth -= 1

    def _without_minus(self) -> None:
        """Takes the minus that stands before a term."""
        minus = self._next
        if len(minus.text) > 1:
            rest = _Token("word", minus.text[1:], minus.start + 1, minus.end)
            self._tokens[self._at] = rest
        elif self._tokens[self._at + 1].start == minus.end:
            self._take()
        else:
            self._refuse()

    def _group(self, leaf: Callable[[], Node]) -> Node:
        self._expect("(")
        found = self._all(leaf)
        self._expect(")")
        return found

    def _restriction(self) -> Node:
        parts, quoted = self._dotted()
        if self._is("(") and not quoted and self._tokens[self._at - 1].end == self._next.start:
            return self._function(".".join(parts))
        if self._next.kind != "operator":
            return Anywhere(".".join(parts))
        operator = self._take().text
        path = tuple(parts)

        def compared() -> Node:
            return Compare(path, operator, self._value())

        return self._group(compared) if self._is("(") else compared()

    def _dotted(self) -> tuple[list[str], bool]:
        """Words and strings with dots between them, and whether one of them is a string."""
        parts, quoted = [], False
        while True:
            token = self._next
            if token.kind not in ("word", "string"):
                self._refuse()
            self._take()
            quoted = quoted or token.kind == "string"
            parts.append(_unquoted(token.text) if token.kind == "string" else token.text)
            if not (self._is(".") and self._next.start == token.end):
                return parts, quoted
            self._take()

    def _value(self) -> Value:
        if self._is("AND") or self._is("OR") or self._is("NOT"):
            self._refuse()
        parts, quoted = self._dotted()
        return Value(".".join(parts), quoted)

    def _function(self, name: str) -> Node:
        if name.lower() != "log_id":
            if name.lower() in NOT_SERVED:
                raise unimplemented(f"the function {name}() in a log filter")
            raise unparseable(unrecorded.filter_function(name))
        self._expect("(")
        value = self._value()
        self._expect(")")
        return LogId(value.text)


def unparseable(why: str) -> GoogleError:
    """The refusal of a filter that cannot be read."""
    return GoogleError("INVALID_ARGUMENT", f"Unparseable filter: {why}")


def _unquoted(text: str) -> str:
    """A string without its quotation marks; a backslash that escapes nothing is kept."""

    def one(match: re.Match[str]) -> str:
        code = match[1]
        if len(code) > 1:
            number = int(code[1:], 16)
            return chr(number) if number < 0x110000 else match[0]
        return _ESCAPED.get(code, match[0])

    return _ESCAPE.sub(one, text[1:-1])
