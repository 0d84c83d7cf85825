"""Methods that client libraries call by themselves, unasked, with their one answer.

An answer here is what makes the client go on silently. A 200 with an empty body never is one.
"""

from __future__ import annotations

from typing import Any

from aiohttp import web

from .. import unrecorded
from ..errors import GoogleError
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


async def no_application(call: Call, request: web.BaseRequest, app: str) -> web.Response:
    """apps.authorizedDomains.list: no project here has an application of App Engine.

    ``gcloud domains list-user-verified`` asks App Engine first, and Cloud Run when it hears this.
    """
    raise GoogleError("NOT_FOUND", unrecorded.no_application(app))


API = Api(
    "unasked",
    hosts=(r"iamcredentials\.googleapis\.com", r"appengine\.googleapis\.com"),
    routes=[
        *(_route(method, answer) for method, answer in ANSWERS.items()),
        Route("GET", "/v1/apps/{app}/authorizedDomains", no_application),
        Route("GET", "/v1beta/apps/{app}/authorizedDomains", no_application),
    ],
)
