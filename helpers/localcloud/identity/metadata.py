"""The metadata server of one instance: where it runs, and tokens of its revision's own account.

What it serves: https://docs.cloud.google.com/run/docs/container-contract (2026-04-08), in the form
of https://docs.cloud.google.com/compute/docs/metadata/querying-metadata (2026-11-24).
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from .. import unrecorded
from .accounts import Accounts, Principal
from .tokens import CLOUD_PLATFORM, LIFETIME, Tokens

FLAVOR = {"Metadata-Flavor": "Google"}
RENEWED = 300
"""Seconds before its end from which on an access token is not handed out any more.

Source: https://docs.cloud.google.com/compute/docs/access/authenticate-workloads (2026-11-24)
"""

TEXT, JSON = "application/text", "application/json"
Computed = Callable[[web.BaseRequest], web.Response]
"""What is made anew for each request, and no part of a recursive answer."""


@dataclass(frozen=True)
class Facts:
    """What an instance may know of itself. ``account`` is the service account it runs as.

    ``zone`` is where it is, if that is known so exactly; ``more`` is what only some have.
    """

    project: str
    number: int
    region: str
    instance: str
    account: str
    zone: str = ""
    more: Mapping[str, Any] = field(default_factory=dict)


class MetadataServer:
    """Answers one instance; another has another server, and none can ask for a neighbour."""

    def __init__(self, facts: Facts, accounts: Accounts, tokens: Tokens) -> None:
        self._accounts = accounts
        self._tokens = tokens
        self._email = facts.account
        self._kept: dict[tuple[str, ...], tuple[str, float]] = {}
        account = {
            "aliases": ["default"],
            "email": facts.account,
            "identity": self._identity,
            "scopes": [CLOUD_PLATFORM],
            "token": self._token,
        }
        parent = f"projects/{facts.number}"
        values = {
            "instance": {
                "id": facts.instance,
                "region": f"{parent}/regions/{facts.region}",
                "service-accounts": {"default": account, facts.account: account},
                "zone": f"{parent}/zones/{facts.zone or f'{facts.region}-1'}",
                **facts.more,
            },
            "project": {"numeric-project-id": facts.number, "project-id": facts.project},
            "universe": {"universe-domain": "googleapis.com"},
        }
        self._tree: dict[str, Any] = {"computeMetadata": {"v1": values}}
        self._server = web.Server(self._handle)

    def protocol(self) -> asyncio.Protocol:
        """What serves one connection of the instance."""
        return self._server()

    async def _handle(self, request: web.BaseRequest) -> web.Response:
        response = self._answer(request)
        response.headers["Server"] = "Metadata Server for VM"
        return response

    def _answer(self, request: web.BaseRequest) -> web.Response:
        # Cloud Run's refusal has no Metadata-Flavor, which is how clients tell that it is one:
        # https://github.com/xelalexv/dregsy/pull/82 (2022-09-08)
        if request.headers.get("Metadata-Flavor") != "Google":
            return web.Response(status=403, text=unrecorded.metadata_flavor())
        if "X-Forwarded-For" in request.headers:
            return web.Response(status=403, text=unrecorded.metadata_forwarded())
        if request.method not in ("GET", "HEAD"):
            allow = FLAVOR | {"Allow": "GET, HEAD"}
            return web.Response(status=405, text=unrecorded.metadata_method(), headers=allow)
        found: Any = self._tree
        for name in request.path.strip("/").split("/") if request.path.strip("/") else ():
            if not isinstance(found, dict) or name not in found:
                return _refused(404, unrecorded.metadata_path(request.path))
            found = found[name]
        if callable(found):
            return found(request)
        if "wait_for_change" in request.query:
            return _refused(501, unrecorded.metadata_waiting())
        if isinstance(found, dict) and not request.path.endswith("/"):
            moved = str(request.rel_url.with_path(f"{request.path}/").with_query(request.query))
            return web.Response(status=301, headers=FLAVOR | {"Location": moved})
        recursive = request.query.get("recursive", "").lower() == "true"
        if request.query.get("alt", "json" if recursive else "text") == "json":
            whole = recursive or not isinstance(found, dict)
            return _json(_value(found) if whole else list(_entries(found)))
        return _text("\n".join(_lines(found, recursive)))

    def _token(self, request: web.BaseRequest) -> web.Response:
        principal = self._principal()
        if principal is None:
            return _refused(403, unrecorded.metadata_account(self._email))
        wanted = request.query.get("scopes", "").replace(",", " ").split()
        scopes = tuple(wanted) or (CLOUD_PLATFORM,)
        now = time.time()
        token, end = self._kept.get(scopes, ("", 0.0))
        grant = self._tokens.access_grant(token)
        if end - now < RENEWED or grant is None or grant.principal != principal:
            token, end = self._tokens.access_token(principal, scopes), now + LIFETIME
            self._kept[scopes] = token, end
        return _json({"access_token": token, "expires_in": int(end - now), "token_type": "Bearer"})

    def _identity(self, request: web.BaseRequest) -> web.Response:
        audience = request.query.get("audience", "")
        if not audience:
            return _refused(400, unrecorded.metadata_audience())
        if request.query.get("format", "standard") not in ("standard", "full"):
            return _refused(400, unrecorded.metadata_format())
        principal = self._principal()
        if principal is None:
            return _refused(403, unrecorded.metadata_account(self._email))
        return _text(self._tokens.id_token(principal, audience), "text/html")

    def _principal(self) -> Principal | None:
        return self._accounts.principal(self._email)


def _text(text: str, kind: str = TEXT) -> web.Response:
    return web.Response(text=text, content_type=kind, headers=FLAVOR)


def _json(value: object) -> web.Response:
    return _text(json.dumps(value, separators=(",", ":")), JSON)


def _refused(status: int, text: str) -> web.Response:
    return web.Response(status=status, text=text, headers=FLAVOR)


def _entries(folder: dict[str, Any]) -> list[str]:
    return [f"{name}/" if isinstance(found, dict) else name for name, found in folder.items()]


def _value(found: Any) -> Any:
    """A value or folder as JSON has it: names in camel case, nothing that is computed."""
    if not isinstance(found, dict):
        return found
    return {_camel(name): _value(below) for name, below in found.items() if not callable(below)}


def _lines(found: Any, recursive: bool, path: str = "") -> list[str]:
    """A value or folder as text has it; of a folder all values with their paths if recursive."""
    if isinstance(found, list):
        return [f"{path} {value}".strip() for value in found] + ([] if path else [""])
    if not isinstance(found, dict):
        return [f"{path} {found}".strip()]
    if not recursive:
        return [*_entries(found), ""]
    return [
        line
        for name, below in found.items()
        if not callable(below)
        for line in _lines(below, True, f"{path}/{name}".lstrip("/"))
    ]


def _camel(name: str) -> str:
    """``numericProjectId`` for ``numeric-project-id``; an account's address stays as it is."""
    if "@" in name:
        return name
    first, *others = name.split("-")
    return first + "".join(word.capitalize() for word in others)
