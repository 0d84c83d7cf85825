"""The Cloud DNS API, version 1: managed zones, record sets and their changes, plain JSON.

Source: https://docs.cloud.google.com/dns/docs/reference/rest/v1 (2026-11-25) and Google's discovery
document of the API. DNSSEC keys, policies, response policies and outbound endpoints are not served.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any
from urllib.parse import unquote

from aiohttp import web

from .. import unrecorded
from ..errors import GoogleError, unimplemented
from ..network.zones import CHANGES, RECORD_SETS, ZONES, Zone
from . import dns_changes, dns_errors, dns_zones, paging, policies
from .dns_errors import DnsError, invalid
from .methods import Api, Call, Route
from .plain import json_body, member, texts
from .rest import json_response

MOST = 1000
"""Items on a page at most, which is also the default. Ours."""

Document = dict[str, Any]
Handler = Callable[..., Awaitable[Document]]


def _route(verb: str, path: str, handler: Handler) -> Route:
    """A route whose answer is JSON, whose errors have Cloud DNS' form, and with decoded names."""

    async def answer(call: Call, request: web.BaseRequest, **variables: str) -> web.Response:
        names = {name: unquote(value) for name, value in variables.items()}
        try:
            return json_response(await handler(call, request, **names))
        except GoogleError as error:
            return json_response(
                dns_errors.body_of(error), status=error.http_status, headers=error.headers
            )

    return Route(verb, f"/dns/v1/projects/{{project}}{path}", answer)


def _project(call: Call, name: str, permission: str) -> str:
    """The id of a project on which the caller has a permission."""
    project = str(call.cloud.accounts.project(name)["projectId"])
    call.cloud.policies.require(call.principal, permission, f"projects/{project}")
    return project


def _zone(call: Call, project: str, name: str, *permissions: str) -> Zone:
    """A managed zone, by its name or its id, for which the caller has the permissions."""
    project = str(call.cloud.accounts.project(project)["projectId"])
    zone = call.cloud.zones.get(project, name)
    if zone is None and name.isdecimal():
        zone = call.cloud.zones.with_id(project, name)
    resource = dns_zones.policy_name(zone) if zone else f"projects/{project}"
    for permission in permissions:
        call.cloud.policies.require(call.principal, permission, resource)
    if zone is None:
        raise dns_errors.missing("parameters.managedZone", name)
    return zone


def _page(
    call: Call,
    request: web.BaseRequest,
    kind: str,
    prefix: str,
    fits: Callable[[Document], bool] = lambda document: True,
    *,
    backwards: bool = False,
) -> tuple[list[Document], Document]:
    """One page of documents, and the answer with the token of the next, if there is one."""
    size = request.query.get("maxResults", str(MOST))
    if not size.isdecimal() or int(size) == 0:
        raise invalid("parameters.maxResults", size)
    after = paging.decode(request.query.get("pageToken", ""), prefix)
    rows = [row for row in call.cloud.store.list(kind, prefix) if fits(row[1])]
    if backwards:
        rows.reverse()
    if after:
        rows = [row for row in rows if (row[0] < after if backwards else row[0] > after)]
    number = min(int(size), MOST)
    token: Document = {}
    if len(rows) > number:
        token = {"nextPageToken": paging.encode(rows[number - 1][0])}
    return [document for _, document in rows[:number]], token


# Projects


async def get_project(call: Call, request: web.BaseRequest, project: str) -> Document:
    """projects.get: the quotas."""
    found = _project(call, project, "dns.projects.get")
    number = call.cloud.accounts.project(found)["projectNumber"]
    quota = {"kind": "dns#quota"} | dns_zones.QUOTA
    return {"kind": "dns#project", "id": found, "number": number, "quota": quota}


# Managed zones


async def create_zone(call: Call, request: web.BaseRequest, project: str) -> Document:
    """managedZones.create."""
    found = _project(call, project, "dns.managedZones.create")
    return dns_zones.create(call.cloud, found, await json_body(request))


async def list_zones(call: Call, request: web.BaseRequest, project: str) -> Document:
    """managedZones.list; ``dnsName`` restricts it to the zones of one name."""
    found = _project(call, project, "dns.managedZones.list")
    domain = request.query.get("dnsName")
    rows, token = _page(
        call,
        request,
        ZONES,
        f"{found}/",
        lambda zone: domain in (None, zone["resource"]["dnsName"]),
    )
    zones = [zone["resource"] for zone in rows]
    return {"kind": "dns#managedZonesListResponse", "managedZones": zones} | token


async def get_zone(call: Call, request: web.BaseRequest, project: str, zone: str) -> Document:
    """managedZones.get."""
    return _zone(call, project, zone, "dns.managedZones.get").resource


async def update_zone(call: Call, request: web.BaseRequest, project: str, zone: str) -> Document:
    """managedZones.update and managedZones.patch: the operation, which is done."""
    asked = await json_body(request)
    found = _zone(call, project, zone, "dns.managedZones.update")
    return dns_zones.update(call.cloud, found, asked, call.email, whole=request.method == "PUT")


async def delete_zone(call: Call, request: web.BaseRequest, project: str, zone: str) -> Document:
    """managedZones.delete."""
    dns_zones.delete(call.cloud, _zone(call, project, zone, "dns.managedZones.delete"))
    return {}


async def list_operations(
    call: Call, request: web.BaseRequest, project: str, zone: str
) -> Document:
    """managedZoneOperations.list."""
    found = _zone(call, project, zone, "dns.managedZoneOperations.list")
    rows, token = _page(call, request, dns_zones.OPERATIONS, found.key)
    return {"kind": "dns#managedZoneOperationsListResponse", "operations": rows} | token


async def get_operation(
    call: Call, request: web.BaseRequest, project: str, zone: str, operation: str
) -> Document:
    """managedZoneOperations.get."""
    found = _zone(call, project, zone, "dns.managedZoneOperations.get")
    document = call.cloud.store.get(dns_zones.OPERATIONS, f"{found.key}{operation}")
    if document is None:
        raise dns_errors.missing("parameters.operation", operation)
    return document


# Policies


async def get_policy(call: Call, request: web.BaseRequest, project: str, zone: str) -> Document:
    """managedZones.getIamPolicy."""
    found = _zone(call, project, zone, "dns.managedZones.getIamPolicy")
    return call.cloud.policies.get(dns_zones.policy_name(found))


async def set_policy(call: Call, request: web.BaseRequest, project: str, zone: str) -> Document:
    """managedZones.setIamPolicy."""
    policy = member(await json_body(request), "policy")
    found = _zone(call, project, zone, "dns.managedZones.setIamPolicy")
    return call.cloud.policies.set(dns_zones.policy_name(found), policy)


async def test_permissions(
    call: Call, request: web.BaseRequest, project: str, zone: str
) -> Document:
    """managedZones.testIamPermissions."""
    asked = texts(await json_body(request), "permissions")
    held = policies.held(call, dns_zones.policy_name(_zone(call, project, zone)), asked)
    return {"permissions": held} if held else {}


# Record sets


async def list_record_sets(
    call: Call, request: web.BaseRequest, project: str, zone: str
) -> Document:
    """resourceRecordSets.list; ``name`` and ``type`` restrict it."""
    found = _zone(call, project, zone, "dns.resourceRecordSets.list")
    query: Mapping[str, str] = request.query
    name, kind = query.get("name", "").lower(), query.get("type")
    if query.get("filter"):
        raise unimplemented("the parameter 'filter' of Cloud DNS")
    if kind and not name:
        raise DnsError(400, "invalid", unrecorded.dns_type_alone())
    rows, token = _page(
        call,
        request,
        RECORD_SETS,
        found.key,
        lambda each: name in ("", each["name"]) and kind in (None, each["type"]),
    )
    return {"kind": "dns#resourceRecordSetsListResponse", "rrsets": rows} | token


def _record_set(call: Call, zone: Zone, name: str, kind: str) -> Document:
    found = call.cloud.zones.record_set(zone, name, kind)
    if found is None:
        raise dns_errors.missing("parameters.name", f"{name} ({kind})")
    return found


async def get_record_set(
    call: Call, request: web.BaseRequest, project: str, zone: str, name: str, type: str
) -> Document:
    """resourceRecordSets.get."""
    found = _zone(call, project, zone, "dns.resourceRecordSets.get")
    return _record_set(call, found, name, type)


async def create_record_set(
    call: Call, request: web.BaseRequest, project: str, zone: str
) -> Document:
    """resourceRecordSets.create."""
    asked = await json_body(request)
    found = _zone(call, project, zone, "dns.changes.create", "dns.resourceRecordSets.create")
    new = dns_changes.checked(found, asked, "entity.rrset")
    dns_changes.make(call.cloud, found, [("entity.rrset", new)], [])
    return new


async def patch_record_set(
    call: Call, request: web.BaseRequest, project: str, zone: str, name: str, type: str
) -> Document:
    """resourceRecordSets.patch: what is not sent stays."""
    asked = await json_body(request)
    found = _zone(call, project, zone, "dns.changes.create", "dns.resourceRecordSets.update")
    old = _record_set(call, found, name, type)
    new = dns_changes.checked(found, old | asked, "entity.rrset")
    dns_changes.make(call.cloud, found, [("entity.rrset", new)], [("entity.rrset", old)])
    return new


async def delete_record_set(
    call: Call, request: web.BaseRequest, project: str, zone: str, name: str, type: str
) -> Document:
    """resourceRecordSets.delete."""
    found = _zone(call, project, zone, "dns.changes.create", "dns.resourceRecordSets.delete")
    old = _record_set(call, found, name, type)
    dns_changes.make(call.cloud, found, [], [("entity.rrset", old)])
    return {}


# Changes


async def create_change(call: Call, request: web.BaseRequest, project: str, zone: str) -> Document:
    """changes.create: all of it, or nothing.

    Answers with the change as it was accepted, ``pending``, as Google does; who asks for it then
    finds it ``done``.
    """
    asked = await json_body(request)
    additions, deletions = asked.get("additions") or [], asked.get("deletions") or []
    permissions = ["dns.changes.create"]
    if additions:
        permissions.append("dns.resourceRecordSets.create")
    if deletions:
        permissions.append("dns.resourceRecordSets.delete")
    found = _zone(call, project, zone, *permissions)
    if not additions and not deletions:
        raise dns_errors.required("entity.change")
    new = dns_changes.read(found, additions, "additions")
    gone = dns_changes.read(found, deletions, "deletions")
    return dns_changes.make(call.cloud, found, new, gone) | {"status": "pending"}


async def list_changes(call: Call, request: web.BaseRequest, project: str, zone: str) -> Document:
    """changes.list, in the order in which they were made unless ``sortOrder`` is descending."""
    found = _zone(call, project, zone, "dns.changes.list")
    order = request.query.get("sortOrder", "ascending")
    if order not in ("ascending", "descending"):
        raise invalid("parameters.sortOrder", order)
    rows, token = _page(call, request, CHANGES, found.key, backwards=order == "descending")
    return {"kind": "dns#changesListResponse", "changes": rows} | token


async def get_change(
    call: Call, request: web.BaseRequest, project: str, zone: str, change: str
) -> Document:
    """changes.get."""
    found = _zone(call, project, zone, "dns.changes.get")
    document = call.cloud.store.get(CHANGES, f"{found.key}{change:>010}")
    if document is None or document["id"] != change:
        raise dns_errors.missing("parameters.changeId", change)
    return document


_ZONE = "/managedZones/{zone}"
_RECORD_SET = f"{_ZONE}/rrsets/{{name}}/{{type}}"

API = Api(
    "dns",
    hosts=(r"dns\.googleapis\.com",),
    routes=[
        _route("GET", "", get_project),
        _route("POST", "/managedZones", create_zone),
        _route("GET", "/managedZones", list_zones),
        _route("GET", _ZONE, get_zone),
        _route("PATCH", _ZONE, update_zone),
        _route("PUT", _ZONE, update_zone),
        _route("DELETE", _ZONE, delete_zone),
        _route("POST", f"{_ZONE}:getIamPolicy", get_policy),
        _route("POST", f"{_ZONE}:setIamPolicy", set_policy),
        _route("POST", f"{_ZONE}:testIamPermissions", test_permissions),
        _route("GET", f"{_ZONE}/operations", list_operations),
        _route("GET", f"{_ZONE}/operations/{{operation}}", get_operation),
        _route("GET", f"{_ZONE}/rrsets", list_record_sets),
        _route("POST", f"{_ZONE}/rrsets", create_record_set),
        _route("GET", _RECORD_SET, get_record_set),
        _route("PATCH", _RECORD_SET, patch_record_set),
        _route("DELETE", _RECORD_SET, delete_record_set),
        _route("POST", f"{_ZONE}/changes", create_change),
        _route("GET", f"{_ZONE}/changes", list_changes),
        _route("GET", f"{_ZONE}/changes/{{change}}", get_change),
    ],
)
