"""HTTP/JSON to protobuf and back, by the rules of google.api.http, with Google's complaints.

Source: https://github.com/googleapis/googleapis/blob/master/google/api/http.proto (2026-08-22)
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import Any
from urllib.parse import unquote

from google.protobuf import json_format
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message

from ..errors import BAD_REQUEST, GoogleError
from .methods import Rule, message_type

SYSTEM_PARAMETERS = {
    "$alt", "alt", "$.xgafv", "access_token", "callback", "fields", "key", "oauth_token",
    "prettyPrint", "$prettyPrint", "quotaUser", "uploadType", "upload_protocol",
}  # fmt: skip
"""Query parameters that every Google API takes; https://cloud.google.com/apis/docs/system-parameters"""

_WELL_KNOWN = (
    "google.protobuf.Timestamp", "google.protobuf.Duration", "google.protobuf.FieldMask",
    "google.protobuf.Struct", "google.protobuf.Value", "google.protobuf.ListValue",
    "google.protobuf.Any", "google.protobuf.DoubleValue", "google.protobuf.FloatValue",
    "google.protobuf.Int64Value", "google.protobuf.UInt64Value", "google.protobuf.Int32Value",
    "google.protobuf.UInt32Value", "google.protobuf.BoolValue", "google.protobuf.StringValue",
    "google.protobuf.BytesValue",
)  # fmt: skip
_INTEGERS = {
    FieldDescriptor.CPPTYPE_INT32, FieldDescriptor.CPPTYPE_INT64,
    FieldDescriptor.CPPTYPE_UINT32, FieldDescriptor.CPPTYPE_UINT64,
}  # fmt: skip
_TYPE_NAMES = {
    FieldDescriptor.CPPTYPE_BOOL: "TYPE_BOOL",
    FieldDescriptor.CPPTYPE_INT32: "TYPE_INT32",
    FieldDescriptor.CPPTYPE_INT64: "TYPE_INT64",
    FieldDescriptor.CPPTYPE_UINT32: "TYPE_UINT32",
    FieldDescriptor.CPPTYPE_UINT64: "TYPE_UINT64",
    FieldDescriptor.CPPTYPE_STRING: "TYPE_STRING",
    FieldDescriptor.CPPTYPE_FLOAT: "TYPE_FLOAT",
    FieldDescriptor.CPPTYPE_DOUBLE: "TYPE_DOUBLE",
}


def request_message(
    name: str, rule: Rule, variables: dict[str, str], query: Iterable[tuple[str, str]], body: bytes
) -> Message:
    """The request that an HTTP call stands for. Raises GoogleError INVALID_ARGUMENT.

    ``variables`` are those of the path as they came, still percent-encoded.
    """
    message = message_type(name)()
    document: dict[str, Any] = {}
    if rule.body:
        parsed = _parse(body)
        if rule.body == "*":
            document = parsed
        else:
            document[rule.body] = parsed
    complaints = [*_check(document, message.DESCRIPTOR, "")]
    for key, value in query:
        if key not in SYSTEM_PARAMETERS:
            complaints += _set_query(document, message.DESCRIPTOR, key, value)
    refuse(complaints)
    try:
        json_format.ParseDict(document, message)
    except (json_format.ParseError, OverflowError) as error:
        raise GoogleError("INVALID_ARGUMENT", f"Invalid JSON payload received. {error}") from error
    for variable, value in variables.items():
        target: Any = message
        *path, last = variable.split("__")
        for part in path:
            target = getattr(target, part)
        # A variable of several segments keeps its %2F, as google.api.http has it.
        kept = re.sub("%2f", "%252F", value, flags=re.IGNORECASE) if "/" in value else value
        setattr(target, last, unquote(kept))
    return message


def refuse(complaints: list[tuple[str, str]]) -> None:
    """Raises GoogleError INVALID_ARGUMENT if there is a complaint, given as (field, text)."""
    if not complaints:
        return
    violations = [
        {"field": field, "description": text} if field else {"description": text}
        for field, text in complaints
    ]
    raise GoogleError(
        "INVALID_ARGUMENT",
        "\n".join(text for _, text in complaints),
        [{"@type": BAD_REQUEST, "fieldViolations": violations}],
    )


def to_json(message: Message, *, integer_enums: bool = False) -> dict[str, Any]:
    """The JSON form of a response."""
    return json_format.MessageToDict(message, use_integers_for_enums=integer_enums)


def _parse(body: bytes) -> dict[str, Any]:
    if not body.strip():
        return {}
    try:
        parsed = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise GoogleError("INVALID_ARGUMENT", f"Invalid JSON payload received. {error}") from error
    if not isinstance(parsed, dict):
        raise GoogleError(
            "INVALID_ARGUMENT",
            'Invalid JSON payload received. Unknown name "": Root element must be a message.',
        )
    return parsed


def _fields(descriptor: Descriptor) -> dict[str, FieldDescriptor]:
    fields = {field.name: field for field in descriptor.fields}
    return fields | {field.json_name: field for field in descriptor.fields}


def _check(value: Any, descriptor: Descriptor, where: str) -> Iterable[tuple[str, str]]:
    """Complaints about a JSON object that should be this message, as (field, text)."""
    if descriptor.full_name in _WELL_KNOWN:
        return
    if not isinstance(value, dict):
        yield where, wrong_type(where, f"type.googleapis.com/{descriptor.full_name}", value)
        return
    fields = _fields(descriptor)
    for key, item in value.items():
        field = fields.get(key)
        if field is None:
            yield where, unknown_field(key, where)
        elif item is not None:
            parts = (where, field.name.rstrip("_"))
            yield from _check_field(item, field, ".".join(filter(None, parts)))


def _check_field(value: Any, field: FieldDescriptor, where: str) -> Iterable[tuple[str, str]]:
    if _is_map(field):
        if not isinstance(value, dict):
            yield where, wrong_type(where, "Map", value)
            return
        entry = field.message_type.fields_by_name["value"]
        for key, item in value.items():
            yield from _check_single(item, entry, f"{where}[{key}]")
    elif field.is_repeated:
        # Google's parser takes a single value where a list is due.
        for index, item in enumerate(value if isinstance(value, list) else [value]):
            yield from _check_single(item, field, f"{where}[{index}]")
    else:
        yield from _check_single(value, field, where)


def _check_single(value: Any, field: FieldDescriptor, where: str) -> Iterable[tuple[str, str]]:
    kind = field.cpp_type
    if kind == FieldDescriptor.CPPTYPE_MESSAGE:
        yield from _check(value, field.message_type, where)
    elif kind == FieldDescriptor.CPPTYPE_ENUM:
        enum = field.enum_type
        known = isinstance(value, str) and value in enum.values_by_name
        if not known and not is_integer(value):
            yield where, wrong_type(where, f"type.googleapis.com/{enum.full_name}", value)
    elif kind == FieldDescriptor.CPPTYPE_BOOL:
        if not isinstance(value, bool):
            yield where, wrong_type(where, "TYPE_BOOL", value)
    elif kind in _INTEGERS:
        if not is_integer(value):
            yield where, wrong_type(where, _TYPE_NAMES[kind], value)
    elif kind == FieldDescriptor.CPPTYPE_STRING and not isinstance(value, str):
        yield where, wrong_type(where, "TYPE_STRING", value)


def is_integer(value: Any) -> bool:
    """Whether a JSON value can be an integer: a number, or the text of one."""
    if isinstance(value, bool):
        return False
    if isinstance(value, str):
        return re.fullmatch(r"-?[0-9]{1,20}", value) is not None
    return isinstance(value, int) or (isinstance(value, float) and value.is_integer())


def _is_map(field: FieldDescriptor) -> bool:
    return field.message_type is not None and field.message_type.GetOptions().map_entry


def unknown_field(key: str, where: str) -> str:
    """The complaint about a field that the message at that place does not have."""
    place = f" at '{where}'" if where else ""
    return f'Invalid JSON payload received. Unknown name "{key}"{place}: Cannot find field.'


def wrong_type(where: str, expected: str, value: Any) -> str:
    """The complaint about a value of another type than the field at that place has."""
    shown = value if isinstance(value, (dict, list)) else None
    text = "Starting an object on a scalar field" if isinstance(shown, dict) else json.dumps(value)
    return f"Invalid value at '{where}' ({expected}), {text}"


def _set_query(
    document: dict[str, Any], descriptor: Descriptor, key: str, text: str
) -> Iterable[tuple[str, str]]:
    """Puts one query parameter into the document; yields a complaint if it does not fit."""
    target, place = document, descriptor
    *path, last = key.split(".")
    for part in path:
        field = _fields(place).get(part)
        if field is None or field.message_type is None:
            yield "", unknown_query(key)
            return
        target = target.setdefault(part, {})
        place = field.message_type
    field = _fields(place).get(last)
    if field is None:
        yield "", unknown_query(key)
        return
    value: Any = text
    if field.cpp_type == FieldDescriptor.CPPTYPE_BOOL:
        value = {"true": True, "1": True, "false": False, "0": False}.get(text.lower(), text)
    elif field.cpp_type == FieldDescriptor.CPPTYPE_ENUM and is_integer(text):
        value = int(text)
    complaints = [*_check_single(value, field, key)]
    yield from complaints
    if not complaints and field.is_repeated:
        target.setdefault(last, []).append(value)
    elif not complaints:
        target[last] = value


def unknown_query(key: str) -> str:
    """The complaint about a query parameter that the request does not have."""
    return (
        f'Invalid JSON payload received. Unknown name "{key}": Cannot bind query parameter.'
        f" Field '{key}' could not be found in request message."
    )
