"""A domain of your own in front of a Cloud Run service: own it, map it, set its records.

Owning is shown to Google's Site Verification API by a TXT record, mapping is a part of the Cloud
Run Admin API, version 1, and records are kept by Cloud DNS. A service is known by its full name,
``projects/PROJECT/locations/REGION/services/NAME``.

Sources: https://docs.cloud.google.com/run/docs/mapping-custom-domains and
https://developers.google.com/site-verification/v1/getting_started (2026-11-24).
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress

from google.cloud import dns  # type: ignore[attr-defined]

from helpers.descriptions import describe
from helpers.rest import Document, Missing, checked, session

VERIFY_SCOPE = "https://www.googleapis.com/auth/siteverification"
"""Site Verification opens for no other scope, not even for `auth.SCOPE`."""

VERIFICATION = "https://www.googleapis.com/siteVerification/v1"
TTL = 300
"""Seconds for which resolvers may remember a record: short, so that a mistake is soon forgotten."""

SECONDS = 60


def verification_record(domain: str) -> str:
    """Return the text that a TXT record of ``domain`` must have to show that it is yours."""
    body = {"site": _site(domain), "verificationMethod": "DNS_TXT"}
    answer = session(VERIFY_SCOPE).post(f"{VERIFICATION}/token", json=body, timeout=SECONDS)
    return str(checked(answer)["token"])


def verify(domain: str, *owners: str) -> list[str]:
    """Have Google look for the TXT record, and return who owns ``domain`` from then on.

    Args:
        domain: the domain; all names below it are yours with it.
        owners: the addresses of other accounts that are to own it beside yours, such as that of
            the person who will use gcloud.

    Raises:
        requests.HTTPError: Google didn't find the record; the text says so.
    """
    url = f"{VERIFICATION}/webResource?verificationMethod=DNS_TXT"
    body = {"site": _site(domain), "owners": owners}
    return list(checked(session(VERIFY_SCOPE).post(url, json=body, timeout=SECONDS))["owners"])


def give_up(domain: str) -> bool:
    """Be an owner of ``domain`` no longer; return whether you were one.

    Remove the TXT record before; other owners stay what they are. Source:
    https://developers.google.com/site-verification/v1/webResource/delete (2026-11-25).
    """
    url = f"{VERIFICATION}/webResource"
    items = checked(session(VERIFY_SCOPE).get(url, timeout=SECONDS)).get("items", [])
    for item in items:
        if item["site"] == _site(domain):
            session(VERIFY_SCOPE).delete(f"{url}/{item['id']}", timeout=SECONDS).raise_for_status()
            return True
    return False


def verified(project: str) -> list[str]:
    """Return the domains that you own, as Cloud Run sees it in ``project``."""
    url = f"https://run.googleapis.com/v1/projects/{project}/authorizeddomains"
    found = checked(session(VERIFY_SCOPE).get(url, timeout=SECONDS)).get("domains", [])
    return [domain["id"] for domain in found]


def create(service: str, domain: str, labels: Mapping[str, str], force: bool = False) -> Document:
    """Map ``domain`` to a service, and return the mapping as it is at first.

    Args:
        service: the full name of the service; the mapping is made in its region.
        domain: the name under which the service is to answer.
        labels: what the mapping is labelled with.
        force: take the domain from the mapping that has it.

    Raises:
        requests.HTTPError: Google refused; the text says why.
    """
    location, _, route = service.partition("/services/")
    body = {
        "apiVersion": "domains.cloudrun.com/v1",
        "kind": "DomainMapping",
        "metadata": {
            "name": domain,
            "namespace": location.split("/")[1],
            "labels": dict(labels),
        },
        "spec": {"routeName": route, "forceOverride": force},
    }
    return checked(session().post(_mappings(location), json=body, timeout=SECONDS))


def get(service: str, domain: str) -> Document:
    """Return the mapping of ``domain`` in the region of a service.

    Raises:
        requests.HTTPError: there is none.
    """
    location = service.partition("/services/")[0]
    return checked(session().get(f"{_mappings(location)}/{domain}", timeout=SECONDS))


def mappings(location: str) -> list[Document]:
    """Return all mappings in ``projects/PROJECT/locations/REGION``."""
    found = checked(session().get(_mappings(location), timeout=SECONDS))
    return list(found.get("items", []))


def is_ready(mapping: Document) -> bool:
    """Return whether the domain of a mapping answers over HTTPS."""
    return ("Ready", "True") in [row[:2] for row in conditions(mapping)]


def conditions(mapping: Document) -> list[tuple[str, str, str, str]]:
    """Return what Cloud Run says of a mapping: type, status, reason and message of each line."""
    return [
        (each["type"], each["status"], each.get("reason", ""), each.get("message", ""))
        for each in mapping["status"]["conditions"]
    ]


def records(mapping: Document) -> list[tuple[str, str, str]]:
    """Return the records that a mapped domain needs: name, type and data of each.

    They are there as soon as Cloud Run has accepted the mapping, a few seconds after `create`.
    """
    domain = mapping["metadata"]["name"]
    needed = mapping["status"].get("resourceRecords", [])
    return [(domain, each["type"], each["rrdata"]) for each in needed]


def delete(service: str, domain: str) -> bool:
    """Delete the mapping of ``domain`` in the region of a service; return whether there was one."""
    location = service.partition("/services/")[0]
    with suppress(Missing):
        checked(session().delete(f"{_mappings(location)}/{domain}", timeout=SECONDS))
        return True
    return False


def zone_of(project: str, domain: str, labels: Mapping[str, str]) -> dns.ManagedZone:
    """Return the zone of Cloud DNS for ``domain``, made if it is missing.

    Args:
        project: the project's id.
        domain: the domain whose records the zone is to keep.
        labels: what a new zone is labelled with, in its description: the library has no labels.
    """
    client = dns.Client(project=project)
    zone = client.zone(domain.replace(".", "-"), f"{domain}.", describe(labels))
    if not zone.exists():
        zone.create()
    zone.reload()
    return zone


def set_records(zone: dns.ManagedZone, name: str, kind: str, *data: str) -> None:
    """Make ``data`` the only records of a name and type; without data there will be none.

    Args:
        zone: the zone that the name is in.
        name: the name, such as ``www.example.com``.
        kind: the type, such as ``CNAME``.
        data: of each record what the type asks for; a text goes in double quotes.
    """
    changes = zone.changes()
    for found in zone.list_resource_record_sets():
        if (found.name, found.record_type) == (f"{name}.", kind):
            changes.delete_record_set(found)
    if data:
        changes.add_record_set(zone.resource_record_set(f"{name}.", kind, TTL, list(data)))
    if changes.additions or changes.deletions:
        changes.create()


def delete_zone(zone: dns.ManagedZone) -> None:
    """Delete a zone with all its records."""
    for found in list(zone.list_resource_record_sets()):
        if found.record_type not in ("NS", "SOA"):
            set_records(zone, found.name.rstrip("."), found.record_type)
    zone.delete()


def _site(domain: str) -> dict[str, str]:
    return {"type": "INET_DOMAIN", "identifier": domain}


def _mappings(location: str) -> str:
    _, project, _, region = location.split("/")
    host = f"https://{region}-run.googleapis.com"
    return f"{host}/apis/domains.cloudrun.com/v1/namespaces/{project}/domainmappings"
