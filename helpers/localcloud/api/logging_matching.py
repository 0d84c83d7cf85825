"""What a Logging query means: whether an entry, as JSON, is what a filter asks for.

Source: https://docs.cloud.google.com/logging/docs/view/logging-query-language (2026-11-24). Text is
compared without regard to case, except by regular expressions. A field of the payload or a label
that an entry does not have fails every comparison; a field of LogEntry has its default value then;
any other field is an error. That ``:`` on an object looks at all that is in it is our reading.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from operator import eq, ge, gt, le, lt, ne
from typing import Any
from urllib.parse import unquote

import re2
from google.protobuf.descriptor import Descriptor, EnumDescriptor, FieldDescriptor

from .. import unrecorded
from ..clock import nanoseconds
from ..logs import SEVERITIES
from ..store import Narrowed, Position
from .logging_query import All, Anywhere, Compare, LogId, Node, Not, Some, Value, unparseable

Document = dict[str, Any]
Test = Callable[[Any], bool]

_ORDER: dict[str, Callable[[Any, Any], bool]] = {
    "=": eq, "!=": ne, "<": lt, "<=": le, ">": gt, ">=": ge, ":": eq,
}  # fmt: skip
_OPEN = ("google.protobuf.Struct", "google.protobuf.Any", "google.protobuf.Value")
_TIMES = {"google.protobuf.Timestamp": "time", "google.protobuf.Duration": "duration"}
_DURATION = re.compile(r"([+-]?(?:\d+\.?\d*|\.\d+))(ns|us|ms|s|m|h)", re.ASCII)
_UNITS = {"ns": 1e-9, "us": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
_PLAIN = re.compile(r"[A-Za-z][\w ./:@-]+", re.ASCII)
"""Text that stands in JSON as it is and is no number. Many ``%`` would make SQLite search long."""


@dataclass(frozen=True)
class _Field:
    """What a path means. ``default`` is None where a missing field fails every comparison."""

    keys: tuple[str, ...]
    kind: str
    default: Any = None
    enum: EnumDescriptor | None = None


def matcher(node: Node, entry: Descriptor) -> Test:
    """Returns the function that says whether an entry's JSON is what a query asks for.

    ``entry`` describes google.logging.v2.LogEntry. Raises GoogleError INVALID_ARGUMENT for a field
    that it does not have or a pattern that is none.
    """
    match node:
        case Compare():
            return _comparison(node, _resolve(node.path, entry))
        case Anywhere(text):
            wanted = text.lower()
            return lambda found: any(wanted in leaf for leaf in _leaves(found))
        case LogId(log):
            wanted = log.lower()
            return lambda found: log_of(found["logName"]).lower() == wanted
        case Not(term):
            test = matcher(term, entry)
            return lambda found: not test(found)
        case All(terms):
            tests = [matcher(each, entry) for each in terms]
            return lambda found: all(test(found) for test in tests)
        case Some(terms):
            tests = [matcher(each, entry) for each in terms]
            return lambda found: any(test(found) for test in tests)


def log_of(name: str) -> str:
    """The log's id in ``projects/PROJECT/logs/LOG``, decoded."""
    return unquote(name.partition("/logs/")[2])


# Fields


def _resolve(path: tuple[str, ...], entry: Descriptor) -> _Field:
    place: Descriptor | None = entry
    keys: list[str] = []
    for number, part in enumerate(path):
        field = _named(place, part) if place else None
        if field is None:
            raise unparseable(unrecorded.filter_field(".".join(path)))
        keys.append(field.json_name)
        rest, kind = path[number + 1 :], field.message_type
        if kind is None:
            if rest:
                break
            return _scalar(tuple(keys), field)
        if kind.GetOptions().map_entry and len(rest) == 1:
            return _Field((*keys, *rest), "text")
        if kind.full_name in _OPEN and rest:
            return _Field((*keys, *rest), "open")
        known = _TIMES.get(kind.full_name, "object")
        if not rest:
            return _Field(tuple(keys), known, None if known == "object" else 0)
        place = kind if known == "object" and not kind.GetOptions().map_entry else None
    raise unparseable(unrecorded.filter_field(".".join(path)))


def _named(place: Descriptor, name: str) -> FieldDescriptor | None:
    return next((each for each in place.fields if name in (each.name, each.json_name)), None)


def _scalar(keys: tuple[str, ...], field: FieldDescriptor) -> _Field:
    if field.enum_type is not None:
        return _Field(keys, "enum", 0, field.enum_type)
    kind, default = {
        FieldDescriptor.CPPTYPE_STRING: ("text", ""),
        FieldDescriptor.CPPTYPE_BOOL: ("truth", False),
    }.get(field.cpp_type, ("number", 0))
    return _Field(keys, kind, default)


def _values(found: Any, keys: tuple[str, ...]) -> list[Any]:
    """What stands at a path; every item where there are lists."""
    at = [found]
    for key in keys:
        at = [each[key] for each in _items(at) if isinstance(each, dict) and key in each]
    return list(_items(at))


def _items(values: list[Any]) -> Iterator[Any]:
    for value in values:
        if isinstance(value, list):
            yield from _items(value)
        else:
            yield value


def _leaves(value: Any) -> Iterator[str]:
    """Every text and number in a value, as text in lower case."""
    if isinstance(value, dict):
        for each in value.values():
            yield from _leaves(each)
    elif isinstance(value, list):
        for each in value:
            yield from _leaves(each)
    else:
        yield (value if isinstance(value, str) else json.dumps(value)).lower()


# Comparisons


def _comparison(compare: Compare, field: _Field) -> Test:
    keys, default = field.keys, field.default
    if compare.operator == ":" and compare.value == Value("*"):
        return lambda found: any(each not in ({}, "") for each in _values(found, keys))
    test = _test(compare, field)

    def matches(found: Any) -> bool:
        values = _values(found, keys)
        if not values and default is not None:
            values = [default]
        return any(test(value) for value in values)

    return matches


def _test(compare: Compare, field: _Field) -> Test:
    """The test of one value of a field."""
    operator, value = compare.operator, compare.value
    if operator in ("=~", "!~"):
        return _pattern(operator, value.text, field)
    match field.kind:
        case "text":
            return _text(operator, value.text)
        case "open":
            return _open(operator, value)
        case "object":
            if operator != ":":
                raise unparseable(unrecorded.filter_object(".".join(compare.path), operator))
            wanted = value.text.lower()
            return lambda found: any(wanted in leaf for leaf in _leaves(found))
        case "enum":
            assert field.enum is not None
            return _converted(operator, _enum_number(field.enum), value.text.upper())
        case "truth":
            return _converted(operator, _truth, value.text.lower())
        case "time":
            return _converted(operator, _time, value.text)
        case "duration":
            return _converted(operator, _duration, value.text)
        case _:
            return _converted(operator, _number, value.text)


def _converted(operator: str, convert: Callable[[Any], Any], text: str) -> Test:
    """Compares what both sides are converted to; what cannot be converted fails."""
    order, wanted = _ORDER[operator], convert(text)
    if wanted is None:
        return lambda found: False

    def test(found: Any) -> bool:
        here = convert(found)
        return here is not None and order(here, wanted)

    return test


def _pattern(operator: str, text: str, field: _Field) -> Test:
    """A regular expression of RE2: no text makes it search long, as Python's own would for some."""
    if field.kind not in ("text", "open", "object"):
        raise unparseable(unrecorded.filter_object(".".join(field.keys), operator))
    options = re2.Options()
    options.log_errors = False
    try:
        pattern = re2.compile(text, options)
    except re2.error:
        raise unparseable(unrecorded.filter_pattern(text)) from None

    def found_in(found: Any) -> bool:
        if isinstance(found, dict):
            return any(found_in(each) for each in _items(list(found.values())))
        return isinstance(found, str) and pattern.search(found) is not None

    return found_in if operator == "=~" else lambda found: not found_in(found)


def _text(operator: str, text: str) -> Test:
    wanted = text.lower()
    if operator == ":":
        return lambda found: wanted in str(found).lower()
    order = _ORDER[operator]
    return lambda found: order(str(found).lower(), wanted)


def _open(operator: str, value: Value) -> Test:
    """A field of a payload has the type of its JSON value."""
    as_text = _text(operator, value.text)
    as_truth = _converted(operator, _truth, value.text.lower())
    as_number = _converted(operator, _number, value.text)
    is_null = value == Value("NULL_VALUE")

    def test(found: Any) -> bool:
        if found is None:
            return is_null and operator in ("=", ":")
        if isinstance(found, dict):
            return operator == ":" and any(value.text.lower() in leaf for leaf in _leaves(found))
        if isinstance(found, bool):
            return as_truth(found)
        return as_text(found) if isinstance(found, str) else as_number(found)

    return test


def _enum_number(enum: EnumDescriptor) -> Callable[[Any], int | None]:
    def convert(value: Any) -> int | None:
        known = enum.values_by_name.get(value) if isinstance(value, str) else None
        if known is not None:
            return int(known.number)
        text = str(value)
        return int(text) if re.fullmatch("[0-9]{1,10}", text) else None

    return convert


def _truth(value: Any) -> bool | None:
    return value if isinstance(value, bool) else {"true": True, "false": False}.get(value)


def _number(value: Any) -> float | int | None:
    try:
        return value if isinstance(value, int | float) else int(value)
    except ValueError:
        pass
    try:
        return float(value)
    except ValueError:
        return None


def _time(value: Any) -> int | None:
    return value if isinstance(value, int) else nanoseconds(value)


def _duration(value: Any) -> float | None:
    """Nanoseconds."""
    if isinstance(value, int):
        return value
    match = _DURATION.fullmatch(value)
    # Beyond some hundred digits this is infinite, and so no whole number.
    return round(float(match[1]) * _UNITS[match[2]] * 1e9, 0) if match else None


# Narrowing


def narrow(node: Node, descending: bool = False, after: Position | None = None) -> Narrowed:
    """What the store can leave out because no such entry could be what the query asks for."""
    since, until, log, severity, words = [], [], "", 0, []
    for term in node.terms if isinstance(node, All) else (node,):
        match term:
            case LogId(name):
                log = name
            case Compare(("timestamp",), operator, value):
                when = nanoseconds(value.text)
                if when is not None and operator in ("=", ">", ">="):
                    since.append(when)
                if when is not None and operator in ("=", "<", "<="):
                    until.append(when)
            case Compare(("severity",), "=" | ">" | ">=", value):
                severity = max(severity, SEVERITIES.get(value.text.upper(), 0))
            case Compare(("logName",), "=", value):
                log = log_of(value.text)
            case Compare((first, *_), "=" | ":", value) if first in _WORDED:
                if _PLAIN.fullmatch(value.text) and value != Value("NULL_VALUE"):
                    words.append(max(_UNSURE.split(value.text), key=len))
    return Narrowed(
        since=max(since, default=None),
        until=min(until, default=None),
        log=log.lower(),
        severity=severity,
        words=tuple(words[:MOST_WORDS]),
        descending=descending,
        after=after,
    )


_WORDED = frozenset(("resource", "labels", "textPayload", "jsonPayload", "trace", "spanId"))
_UNSURE = re.compile("[iIkK]")
"""The sign of kelvin and a Turkish I are these in lower case, but stand in JSON as escapes."""
MOST_WORDS = 4
"""Each is one more search of every entry's text; a few leave little over."""
