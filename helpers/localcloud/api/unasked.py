"""Methods that client libraries call by themselves, unasked, with their one answer.

An answer here is what makes the client go on silently. A 200 with an empty body never is one.
"""

from __future__ import annotations

from typing import Any

from aiohttp import web

from .methods import Api, Call, Route
from .rest import json_response

ANSWERS: dict[str, dict[str, Any]] = {
    # google-auth asks where a service account's tokens may be used. This is the live answer for
    # an account without such a limit, as quoted by a maintainer of google-auth in
    # https://github.com/googleapis/google-auth-library-python/pull/1671 (2025-02-28).
    "GET /v1/projects/{project}/serviceAccounts/{account}/allowedLocations": {
        "encodedLocations": "0x0"
    },
}


def _route(method: str, answer: dict[str, Any]) -> Route:
    async def handler(call: Call, request: web.BaseRequest, **variables: str) -> web.Response:
        return json_response(answer)

    verb, path = method.split()
    return Route(verb, path, handler)


API = Api(
    "unasked",
    hosts=(r"iamcredentials\.googleapis\.com",),
    routes=[_route(method, answer) for method, answer in ANSWERS.items()],
)
