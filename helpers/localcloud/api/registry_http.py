"""What the registry's handlers share: a request about an image, answers, refusals."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from ..cloud import Cloud
from ..registry.references import ImageName
from .registry_auth import Caller

VERSION = {"Docker-Distribution-Api-Version": "registry/2.0"}


@dataclass(frozen=True)
class Ask:
    """One request about an image.

    ``path`` is the image as the URL has it; ``reference`` is a tag, a digest or an upload's id.
    """

    cloud: Cloud
    request: web.BaseRequest
    caller: Caller
    host: str
    path: str
    name: ImageName
    reference: str


class RegistryRefusal(Exception):
    """A refusal in the form of the distribution specification."""

    def __init__(
        self, status: int, code: str, message: str, headers: dict[str, str] | None = None
    ) -> None:
        super().__init__(message)
        self._status = status
        self._error = {"code": code, "message": message}
        self._headers = headers or {}

    def response(self) -> web.Response:
        """The answer to send."""
        return answer_json({"errors": [self._error]}, status=self._status, headers=self._headers)


def answer_json(
    body: Any,
    *,
    status: int = 200,
    content_type: str = "application/json",
    headers: dict[str, str] | None = None,
) -> web.Response:
    """A JSON answer of the registry."""
    return web.Response(
        text=json.dumps(body),
        status=status,
        content_type=content_type,
        headers=VERSION | (headers or {}),
    )
