"""The method table: a method is declared once and served over REST and gRPC.

A module of this package that stands for an API has one ``Api`` with its rows. ``Method`` rows are
typed by Google's protobuf messages and get both transports; ``Route`` rows are plain JSON or bytes
over REST.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any

from aiohttp import web
from google.protobuf.message import Message

from ..errors import invalid
from ..identity.accounts import Principal

if TYPE_CHECKING:
    from ..cloud import Cloud


@dataclass(frozen=True)
class Call:
    """Who calls, and what the transport said beside the request.

    ``principal`` is None only for APIs that answer anonymous callers.
    """

    cloud: Cloud
    principal: Principal | None
    host: str
    client: str = ""

    @property
    def email(self) -> str:
        """The caller's address. The gateway has made sure that there is one."""
        assert self.principal is not None
        return self.principal.email


Handler = Callable[[Call, Any], Awaitable[Message]]
RouteHandler = Callable[..., Awaitable[web.StreamResponse]]


@dataclass(frozen=True)
class Method:
    """One RPC. ``http`` has entries ``VERB path`` or ``VERB path body`` as google.api.http has it.

    ``request`` and ``response`` are ``module.Message``. The handler gets the call and the request
    as a plain protobuf message and returns the response.
    """

    rpc: str
    http: Sequence[str]
    request: str
    response: str
    handler: Handler
    permission: str = ""

    def resources(self, request: Any) -> list[str]:
        """The names of what a request is about: the fields that the paths are made of.

        Over gRPC nothing else has checked their form. Raises GoogleError when one is wrong, or
        when there is none at all.
        """
        found = []
        for variable, shapes in _variables(tuple(self.http)).items():
            value: Any = request
            for part in variable.split("."):
                value = getattr(value, part)
            if not value:
                continue
            if variable == "project_id":
                value = f"projects/{value}"
            elif not any(path_pattern(shape).fullmatch(value) for shape in shapes):
                raise invalid(variable, "Invalid resource field value in the request.")
            found.append(value)
        if not found:
            raise invalid("name", "Invalid resource field value in the request.")
        return found

    @property
    def rules(self) -> list[Rule]:
        """The HTTP bindings."""
        return [Rule(*[*text.split(), ""][:3]) for text in self.http]


@dataclass(frozen=True)
class Rule:
    """One HTTP binding: verb, path template, and the field that takes the body (or ``*``)."""

    verb: str
    path: str
    body: str = ""


@dataclass(frozen=True)
class Route:
    """One REST route that is not a method of the table: ``handler(call, request, **variables)``."""

    verb: str
    path: str
    handler: RouteHandler


@dataclass(frozen=True)
class Api:
    """One API: the hosts it answers on (regular expressions), its rows, who may call.

    ``own_service`` is the name that callers' credentials are checked for, if not the first host.
    """

    name: str
    hosts: Sequence[str]
    methods: Sequence[Method] = field(default=())
    routes: Sequence[Route] = field(default=())
    anonymous: bool = False
    own_service: str = ""

    @property
    def service(self) -> str:
        """The name that credentials are checked for."""
        return self.own_service or self.hosts[0].replace("\\", "")

    def answers(self, host: str) -> bool:
        """Whether requests to this host are for this API."""
        return any(re.fullmatch(pattern, host) for pattern in self.hosts)


@cache
def _variables(http: tuple[str, ...]) -> dict[str, list[str]]:
    """The variables of a method's paths that name resources, with the shapes they may have."""
    shapes: dict[str, list[str]] = {}
    for text in http:
        for name, _, shape in (part.partition("=") for part in re.findall(r"{([^}]*)}", text)):
            if shape or name == "project_id":
                shapes.setdefault(name, []).append(shape)
    return shapes


@cache
def message_type(name: str) -> type[Message]:
    """The protobuf class that ``module.Message`` names. Imports the module at the first call."""
    module, _, attribute = name.rpartition(".")
    cls = getattr(importlib.import_module(module), attribute)
    return cls.pb() if hasattr(cls, "pb") else cls


@cache
def path_pattern(template: str) -> re.Pattern[str]:
    """A path template of google.api.http as a regular expression.

    Variables become groups; dots in a variable's name become two underscores.
    """
    pattern = ""
    for part in re.split(r"(\{[^}]*\})", template):
        if part.startswith("{"):
            name, _, shape = part[1:-1].partition("=")
            pattern += f"(?P<{name.replace('.', '__')}>{_shape(shape or '*')})"
        else:
            pattern += _shape(part)
    return re.compile(pattern)


def _shape(template: str) -> str:
    return re.escape(template).replace(r"\*\*", ".+").replace(r"\*", "[^/]+")
