"""App Engine, which no project here has switched on.

``gcloud domains list-user-verified`` asks it first. When its API is off the command goes on to ask
Cloud Run, here as on Google.
"""

from __future__ import annotations

from urllib.parse import unquote

from aiohttp import web

from ..identity.services import disabled
from .methods import Api, Call, Route


async def list_authorized(call: Call, request: web.BaseRequest, app: str) -> web.Response:
    """apps.authorizedDomains.list: the refusal of an API that is off in the project."""
    number = call.cloud.accounts.project(unquote(app))["projectNumber"]
    raise disabled("appengine.googleapis.com", "App Engine Admin API", number)


API = Api(
    "appengine",
    hosts=(r"appengine\.googleapis\.com",),
    routes=[
        Route("GET", f"/{version}/apps/{{app}}/authorizedDomains", list_authorized)
        for version in ("v1", "v1beta", "v1alpha")
    ],
)
