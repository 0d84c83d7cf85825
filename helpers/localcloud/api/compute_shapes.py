"""The shapes that JSON of Compute Engine must have, checked before anything looks into it.

A shape is ``str``, ``int``, ``bool``, ``dict`` for any object, a list with the shape of its items,
or the shapes of an object's fields by their names.
"""

from __future__ import annotations

from typing import Any

from ..errors import unimplemented
from .compute_http import ComputeError
from .transcoding import wrong_type

Shape = Any

_NAMES = {str: "TYPE_STRING", int: "TYPE_INT32", bool: "TYPE_BOOL", dict: "Map"}


def check(value: Any, shape: Shape, where: str) -> None:
    """Raises ComputeError for a value of another type, UNIMPLEMENTED for a field not in the shape.

    ``None`` is a field that is not there.
    """
    if value is None:
        return
    if isinstance(shape, list):
        _is(value, list, where)
        for index, item in enumerate(value):
            check(item, shape[0], f"{where}[{index}]")
            if item is None:
                raise ComputeError("INVALID_ARGUMENT", wrong_type(where, "Map", value))
    elif isinstance(shape, dict):
        _is(value, dict, where)
        for name, item in value.items():
            if name not in shape and item not in (None, False, [], {}, ""):
                raise unimplemented(f"{where}.{name}")
            check(item, shape.get(name), f"{where}.{name}")
    elif shape is not None:
        _is(value, shape, where)


def _is(value: Any, kind: type, where: str) -> None:
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        raise ComputeError("INVALID_ARGUMENT", wrong_type(where, _NAMES.get(kind, "list"), value))


def without_nothing(body: dict[str, Any]) -> dict[str, Any]:
    """The fields of an object that are there."""
    return {name: value for name, value in body.items() if value is not None}
