"""The Site Verification API, version 1: who owns a domain, shown by a TXT record.

Plain JSON. Sources: https://developers.google.com/site-verification/v1/webResource (2026-11-24);
the id's form and the refusal are answers of the live service in public repositories. Google looks
at the record again from time to time; here what was verified stays so until it is given up.
"""

from __future__ import annotations

import base64
import hashlib
import re
from typing import Any
from urllib.parse import quote, unquote

from aiohttp import web

from .. import unrecorded
from ..cloud import Cloud
from ..errors import GoogleError, invalid, unimplemented
from .methods import Api, Call, Route
from .plain import json_body, member, text, texts
from .rest import json_response

SITES = "siteverification.site"
KIND, METHOD = "INET_DOMAIN", "DNS_TXT"
DOMAIN = re.compile(r"([a-z0-9_]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]([a-z0-9-]{0,61}[a-z0-9])?")

Document = dict[str, Any]


def domains_of(cloud: Cloud, email: str) -> list[str]:
    """The domains that a person or service account is a verified owner of, in order."""
    return [name for name, site in cloud.store.list(SITES) if email in site["owners"]]


def owns(cloud: Cloud, email: str, domain: str) -> bool:
    """Whether somebody is a verified owner of a domain or of one above it."""
    return any(f".{domain}".endswith(f".{each}") for each in domains_of(cloud, email))


def _token(call: Call, domain: str) -> str:
    """The same at every call, for one account and one domain. It is public by its nature."""
    assert call.principal is not None
    text = call.cloud.ids.hex(64, SITES, call.principal.unique_id, domain)
    digest = hashlib.sha256(text.encode()).digest()
    return "google-site-verification=" + base64.urlsafe_b64encode(digest).decode().rstrip("=")


def _domain(body: Document) -> str:
    """The domain that a request is about. Raises GoogleError for anything else."""
    site = member(body, "site")
    kind, domain = text(site, "type"), text(site, "identifier").lower().rstrip(".")
    if kind == "SITE":
        raise unimplemented("the verification of single sites; verify the domain")
    if kind != KIND:
        raise invalid("site.type", unrecorded.one_of((KIND, "SITE")))
    if not DOMAIN.fullmatch(domain):
        raise invalid("site.identifier", unrecorded.domain_name())
    return domain


def _check_method(method: str) -> None:
    if method in ("DNS_CNAME", "FILE", "META", "ANALYTICS", "TAG_MANAGER", "DNS"):
        raise unimplemented(f"the verification method {method}; use {METHOD}")
    if method != METHOD:
        raise invalid("verificationMethod", unrecorded.one_of((METHOD,)))


async def get_token(call: Call, request: web.BaseRequest) -> web.Response:
    """webResource.getToken: what to put into a TXT record of the domain."""
    body = await json_body(request)
    _check_method(text(body, "verificationMethod"))
    return json_response({"method": METHOD, "token": _token(call, _domain(body))})


async def insert(call: Call, request: web.BaseRequest) -> web.Response:
    """webResource.insert: looks for the caller's token in DNS, and makes the caller an owner.

    ``owners`` in the request become owners too.
    """
    _check_method(request.query.get("verificationMethod", ""))
    body = await json_body(request)
    domain, others = _domain(body), texts(body, "owners")
    written = [_text(record) for record in call.cloud.zones.records(domain, "TXT")]
    if _token(call, domain) not in written:
        raise GoogleError(
            "INVALID_ARGUMENT",
            "The necessary verification token could not be found on your site.",
        )
    before = call.cloud.store.get(SITES, domain) or {"owners": []}
    return _put(call, domain, [*before["owners"], call.email, *others])


def _text(record: str) -> str:
    """The text of a TXT record, whose parts are quoted."""
    return "".join(re.findall(r'"((?:[^"\\]|\\.)*)"', record)) or record


def _put(call: Call, domain: str, owners: list[str]) -> web.Response:
    site = {"owners": list(dict.fromkeys(owners))}
    call.cloud.store.put(SITES, domain, site)
    return json_response(_shown(domain, site))


def _shown(domain: str, site: Document) -> Document:
    return {
        "id": quote(f"dns://{domain}", safe=""),
        "site": {"type": KIND, "identifier": domain},
        "owners": site["owners"],
    }


def _own(call: Call, ident: str) -> tuple[str, Document]:
    """A domain that the caller owns, by its id. Raises GoogleError."""
    domain = unquote(unquote(ident)).removeprefix("dns://")
    site = call.cloud.store.get(SITES, domain)
    if site is None or call.email not in site["owners"]:
        raise GoogleError("PERMISSION_DENIED", unrecorded.not_owner(domain))
    return domain, site


async def list_resources(call: Call, request: web.BaseRequest) -> web.Response:
    """webResource.list: what the caller owns."""
    found = [
        (name, call.cloud.store.get(SITES, name)) for name in domains_of(call.cloud, call.email)
    ]
    items = [_shown(name, site) for name, site in found if site is not None]
    return json_response({"items": items} if items else {})


async def get(call: Call, request: web.BaseRequest, ident: str) -> web.Response:
    """webResource.get."""
    return json_response(_shown(*_own(call, ident)))


async def update(call: Call, request: web.BaseRequest, ident: str) -> web.Response:
    """webResource.update and patch: the owners become those that are sent."""
    domain, _ = _own(call, ident)
    body = await json_body(request)
    owners = texts(body, "owners")
    if call.email not in owners:
        raise invalid("owners", unrecorded.owner_stays())
    return _put(call, domain, owners)


async def delete(call: Call, request: web.BaseRequest, ident: str) -> web.Response:
    """webResource.delete: the caller is an owner no longer."""
    domain, site = _own(call, ident)
    owners = [owner for owner in site["owners"] if owner != call.email]
    if owners:
        call.cloud.store.put(SITES, domain, {"owners": owners})
    else:
        call.cloud.store.delete(SITES, domain)
    return web.Response(status=204)


_BASE = "/siteVerification/v1"
_ONE = f"{_BASE}/webResource/{{ident}}"

API = Api(
    "siteVerification",
    hosts=(r"www\.googleapis\.com",),
    own_service="siteverification.googleapis.com",
    routes=[
        Route("POST", f"{_BASE}/token", get_token),
        Route("POST", f"{_BASE}/webResource", insert),
        Route("GET", f"{_BASE}/webResource", list_resources),
        Route("GET", _ONE, get),
        Route("PUT", _ONE, update),
        Route("PATCH", _ONE, update),
        Route("DELETE", _ONE, delete),
    ],
)
