"""Domain mappings: what is stored, how their conditions follow from facts, when one is ready.

The facts are ownership, the service, other mappings of the domain, and the domain's DNS records as
the world sees them. Conditions, their reasons and messages, and the labels are those of live
mappings of 2020 to 2026 in public repositories; so is that a certificate is tried for every 15
minutes. Real attempts also come after one minute and, when many have failed, every hour; here the
15 minutes always hold, on the cloud's clock. What becomes of a ready mapping whose records go is
not known publicly: it stays ready here, and its name leads nowhere.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from .. import unrecorded
from ..clock import timestamp
from ..cloud import Cloud
from ..errors import GoogleError
from ..network import frontend
from .run_services import SERVICES

MAPPINGS = "run.domainmapping"

OVERRIDE = "run.googleapis.com/overrideAt"
"""The label of a mapping that has its domain: when it took it."""

ATTEMPT_SECONDS = 15 * 60

WAITING = (
    "Waiting for certificate provisioning. You must configure your DNS records for certificate"
    " issuance to begin."
)
NOT_VISIBLE = (
    "Certificate issuance pending. The challenge data was not visible through the public internet."
    " This may indicate that DNS is not properly configured or has not fully propagated. The system"
    " will retry."
)
RETRY = "System will retry after 15:00 from lastTransitionTime for polling interval"
PENDING = "CertificatePending"

Document = dict[str, Any]
Obstacle = tuple[str, str]
"""Why a mapping's domain cannot lead to its service: reason and message."""


def full_name(project: str, location: str, domain: str) -> str:
    """``projects/P/locations/L/domainmappings/D``."""
    return f"projects/{project}/locations/{location}/domainmappings/{domain}"


def get(cloud: Cloud, name: str) -> Document:
    """A mapping by its full name. Raises GoogleError NOT_FOUND in the words of the live service."""
    document = cloud.store.get(MAPPINGS, name)
    if document is None:
        _, project, _, location, _, domain = name.split("/")
        raise GoogleError(
            "NOT_FOUND",
            f"Resource '{domain}' of kind 'DOMAIN_MAPPING' in region '{location}' in project"
            f" '{project}' does not exist.",
        )
    return document


def new(cloud: Cloud, name: str, wanted: Document, email: str, *, owner: bool) -> Document:
    """A mapping as it is before anything has been found out about it.

    ``wanted`` has ``spec``, ``labels`` and ``annotations``; ``owner`` says whether who asks for it
    is a verified owner of the domain.
    """
    now = timestamp(cloud.clock.now())
    count = cloud.store.count_up(MAPPINGS, name)
    kinds = ("Ready", "CertificateProvisioned", "DomainRoutable")
    return {
        **wanted,
        "name": name,
        "uid": cloud.ids.uuid(MAPPINGS, name, count),
        "generation": "1",
        "createTime": now,
        "updateTime": now,
        "creator": email,
        "conditions": [
            {"type": kind, "status": "Unknown", "lastTransitionTime": now} for kind in kinds
        ],
        "owner": owner,
        "overrides": wanted["spec"].get("forceOverride", False),
    }


def create(cloud: Cloud, document: Document) -> None:
    """Stores a new mapping; the domain is taken in the background."""
    cloud.store.put(MAPPINGS, document["name"], document)
    _begin(cloud, document)


def _begin(cloud: Cloud, document: Document) -> None:
    name, uid = document["name"], document["uid"]

    async def first() -> None:
        _settle(cloud, name, uid)
        _arm(cloud, name, uid)

    cloud.in_background(first())


def delete(cloud: Cloud, name: str) -> Document:
    """Deletes a mapping and returns it; its domain leads nowhere from now on."""
    document = get(cloud, name)
    cloud.store.delete(MAPPINGS, name)
    if _has_domain(document):
        cloud.door.unmap(_domain(document))
    return document


def load(cloud: Cloud) -> None:
    """Serves the domains again that were mapped before a restart, and goes on waiting."""
    for name, document in cloud.store.list(MAPPINGS):
        if "attemptTime" not in document and "mappedRouteName" not in document:
            _begin(cloud, document)
            continue
        _serve(cloud, document)
        _arm(cloud, name, document["uid"])


def _arm(cloud: Cloud, name: str, uid: str) -> None:
    """Sets the timer of the next attempt, if there is to be one."""
    document = cloud.store.get(MAPPINGS, name)
    if document is None or document["uid"] != uid or "attemptTime" not in document:
        return
    due = document["attemptTime"]

    async def attempt() -> None:
        # Another attempt may have been set since.
        if (cloud.store.get(MAPPINGS, name) or {}).get("attemptTime") == due:
            _settle(cloud, name, uid, attempt=True)
            _arm(cloud, name, uid)

    cloud.clock.after(due - cloud.clock.time(), attempt)


def _settle(cloud: Cloud, name: str, uid: str, *, attempt: bool = False) -> None:
    """Brings a mapping up to date with the facts; ``attempt`` tries to get its certificate too."""
    document = cloud.store.get(MAPPINGS, name)
    if document is None or document["uid"] != uid:
        return
    with cloud.store.transaction():
        obstacle = _obstacle(cloud, document)
        if obstacle is None:
            document["overrides"] = False
            _route(document)
            leads = attempt and frontend.leads_here(cloud.zones, _domain(document))
            document["certified"] = document.get("certified", False) or leads
            _show_certificate(cloud, document, attempt=attempt)
        else:
            _show_obstacle(cloud, document, *obstacle)
        document["attemptTime"] = cloud.clock.time() + ATTEMPT_SECONDS
        if document.get("certified") or not document["owner"]:
            del document["attemptTime"]
        cloud.store.put(MAPPINGS, name, document)
    _serve(cloud, document)


def _obstacle(cloud: Cloud, document: Document) -> Obstacle | None:
    """What keeps a mapping from its domain; None once it has taken it.

    Whoever asked for the mapping had to be an owner then: one that a stranger made stays as it is.
    """
    domain, route = _domain(document), document["spec"]["routeName"]
    if not document["owner"]:
        return "PermissionDenied", _not_authorized(domain)
    if cloud.store.get(SERVICES, f"{_parent(document)}/services/{route}") is None:
        return "RouteMissing", unrecorded.route_missing(route)
    if _has_domain(document):
        return None
    others = [
        other
        for _, other in cloud.store.list(MAPPINGS)
        if _domain(other) == domain and _has_domain(other)
    ]
    if others and not document["overrides"]:
        return "MappingAlreadyExists", unrecorded.mapped_elsewhere(domain)
    for other in others:
        _lose(cloud, other)
    moment = datetime.fromtimestamp(cloud.clock.time(), UTC).replace(tzinfo=None)
    document["labels"][OVERRIDE] = moment.isoformat(timespec="milliseconds") + "Z"
    return None


def _lose(cloud: Cloud, document: Document) -> None:
    """Takes the domain from a mapping that had it: another one overrides it."""
    del document["labels"][OVERRIDE]
    _show_obstacle(
        cloud, document, "MappingAlreadyExists", unrecorded.mapped_elsewhere(_domain(document))
    )
    document["attemptTime"] = cloud.clock.time() + ATTEMPT_SECONDS
    cloud.store.put(MAPPINGS, document["name"], document)
    _arm(cloud, document["name"], document["uid"])


def _has_domain(document: Document) -> bool:
    return OVERRIDE in document["labels"]


def _domain(document: Document) -> str:
    return str(document["name"]).rpartition("/")[2]


def _parent(document: Document) -> str:
    return str(document["name"]).partition("/domainmappings/")[0]


def _not_authorized(domain: str) -> str:
    """The text of a live refusal, in public repositories from 2020 on.

    One is https://github.com/terraform-google-modules/terraform-docs-samples/pull/158 (2022).
    """
    return (
        f"Caller is not authorized to administer the domain '{domain}'. If you own '{domain}', you"
        " can obtain authorization by verifying ownership of the domain, or any of its parent"
        " domains, via the Webmaster Central portal:"
        f" https://www.google.com/webmasters/verification/verification?domain={domain}. We"
        " recommend verifying ownership of the largest scope you wish to use with subdomains (eg."
        " verify 'example.com' if you wish to map 'subdomain.example.com')."
    )


def _route(document: Document) -> None:
    document["mappedRouteName"] = document["spec"]["routeName"]
    document["resourceRecords"] = frontend.records(_domain(document))


def _show_certificate(cloud: Cloud, document: Document, *, attempt: bool) -> None:
    """The conditions of a mapping that has its domain: ready once it has its certificate too."""
    if document["certified"]:
        shown = {kind: {"status": "True"} for kind in ("Ready", "CertificateProvisioned")}
        retry = None
    else:
        shown = {
            "Ready": {"status": "Unknown", "reason": PENDING, "message": WAITING},
            "CertificateProvisioned": {"status": "Unknown"},
        }
        if attempt:
            shown["CertificateProvisioned"] |= {"reason": PENDING, "message": NOT_VISIBLE}
        retry = {
            "status": "True",
            "reason": "WaitingForOperation",
            "severity": "Info",
            "message": RETRY,
        }
    shown["DomainRoutable"] = {"status": "True"}
    _show(cloud, document, shown, retry)


def _show_obstacle(cloud: Cloud, document: Document, reason: str, message: str) -> None:
    for field in ("mappedRouteName", "resourceRecords", "certified"):
        document.pop(field, None)
    refused = {"status": "False", "reason": reason, "message": message}
    shown = {"Ready": refused, "CertificateProvisioned": {"status": "Unknown"}}
    _show(cloud, document, shown | {"DomainRoutable": refused}, None)


def _show(
    cloud: Cloud, document: Document, shown: dict[str, Document], retry: Document | None
) -> None:
    """Writes conditions, each with the time at which it last became another."""
    now = timestamp(cloud.clock.now())
    before = {each["type"]: each for each in document["conditions"]}
    document["conditions"] = []
    for kind, condition in shown.items():
        old = before[kind]
        since = old["lastTransitionTime"]
        if any(old.get(key) != condition.get(key) for key in ("status", "reason", "message")):
            since = now
        document["conditions"].append({"type": kind, **condition, "lastTransitionTime": since})
    if retry is not None:
        document["conditions"].append({"type": "Retry", **retry, "lastTransitionTime": now})
    document["observedGeneration"] = int(document["generation"])


def _serve(cloud: Cloud, document: Document) -> None:
    """Tells the front door what a domain leads to."""
    if _has_domain(document):
        service = f"{_parent(document)}/services/{document['spec']['routeName']}"
        cloud.door.map(_domain(document), service, certified=document.get("certified", False))
