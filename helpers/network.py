"""A VPC network of your own: its ranges and machines, and how services send into it.

Compute Engine is asked over REST with Google's names for the fields, because its client library
takes long to import. A resource is known by its full name, such as
``projects/PROJECT/global/networks/NAME``. Most have no labels, so the labels of all stand in their
descriptions.

Sources: https://docs.cloud.google.com/compute/docs/reference/rest/v1 and
https://docs.cloud.google.com/run/docs/configuring/vpc-direct-vpc (2026-11-25).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import requests
from google.api_core.operation import Operation
from google.cloud import run_v2, vpcaccess_v1

from helpers.auth import SCOPE
from helpers.clients import client, finished
from helpers.descriptions import describe
from helpers.rest import Document, Exists, checked, session

COMPUTE = "https://compute.googleapis.com/compute/v1"
SYSTEM = "projects/debian-cloud/global/images/family/debian-12"
"""What is on the disk of a machine."""

SECONDS = 180
"""For one request: Google lets it wait for an operation for two minutes at most."""

Thing = tuple[str, str, Callable[[], object]]
"""Something in the cloud: its kind, its name, and what deletes it."""


def make(name: str, labels: Mapping[str, str], fields: Mapping[str, Any]) -> Document:
    """Return the resource ``name`` of Compute Engine, making it if it is missing.

    Args:
        name: the full name; the part before the last is the kind of the resource.
        labels: written into its description.
        fields: what it is to be, in Google's words.

    Raises:
        requests.HTTPError: Google refused; the text says why.
    """
    collection, _, short = name.rpartition("/")
    with suppress(Exists):
        _work("POST", collection, {"name": short, "description": describe(labels), **fields})
    return get(name)


def make_machine(
    name: str,
    subnetwork: str,
    script: Path,
    labels: Mapping[str, str],
    external: bool = False,
    metadata: Mapping[str, str] | None = None,
) -> Document:
    """Return the machine ``name``, making it if it is missing: a small one that runs a script.

    Args:
        name: the full name, ``projects/PROJECT/zones/ZONE/instances/NAME``.
        subnetwork: the full name of the subnetwork that gives it its address.
        script: a program that it starts when it has started itself.
        labels: written into its description.
        external: whether it gets an address besides by which the internet knows it.
        metadata: what else the metadata server tells the script.

    Raises:
        requests.HTTPError: Google refused; the text says why.
    """
    zone = name.split("/")[3]
    told = {"startup-script": script.read_text(encoding="utf-8"), **(metadata or {})}
    access = [{"type": "ONE_TO_ONE_NAT", "name": "External NAT"}] if external else []
    fields = {
        "machineType": f"zones/{zone}/machineTypes/e2-micro",
        "disks": [
            {"boot": True, "autoDelete": True, "initializeParams": {"sourceImage": SYSTEM}},
        ],
        "networkInterfaces": [{"subnetwork": subnetwork, "accessConfigs": access}],
        "serviceAccounts": [{"email": "default", "scopes": [SCOPE]}],
        "metadata": {"items": [{"key": key, "value": value} for key, value in told.items()]},
    }
    return make(name, labels, fields)


def addresses(machine: Document) -> tuple[str, str]:
    """Return the internal and the external address of a machine; an empty one for none."""
    interface = machine["networkInterfaces"][0]
    access = interface.get("accessConfigs") or [{}]
    return interface["networkIP"], access[0].get("natIP", "")


def printed(machine: str) -> str:
    """Return what the machine of that full name has printed: its first serial port."""
    return str(get(f"{machine}/serialPort")["contents"])


def get(name: str) -> Document:
    """Return the resource ``name`` as it is now.

    Raises:
        Missing: there is none.
    """
    return checked(session().get(f"{COMPUTE}/{name}", timeout=SECONDS))


def delete(name: str) -> None:
    """Delete the resource ``name``.

    Raises:
        requests.HTTPError: Google refused, mostly because something else needs it.
    """
    _work("DELETE", name)


def direct(subnetwork: str, all_traffic: bool = False) -> run_v2.VpcAccess:
    """Return the setting for Direct VPC egress, with addresses of a subnetwork (its full name).

    ``all_traffic`` sends everything through the network, and not only what is for private ranges.
    """
    interface = run_v2.VpcAccess.NetworkInterface(subnetwork=subnetwork)
    return run_v2.VpcAccess(network_interfaces=[interface], egress=_egress(all_traffic))


def through(connector: str, all_traffic: bool = False) -> run_v2.VpcAccess:
    """Return the setting for a connector (its full name); ``all_traffic`` as for `direct`."""
    return run_v2.VpcAccess(connector=connector, egress=_egress(all_traffic))


def make_connector(name: str, network: str, ip_range: str) -> Operation:
    """Begin to make the connector ``name``, and return the operation, which goes on for minutes.

    Args:
        name: the full name, ``projects/PROJECT/locations/REGION/connectors/NAME``.
        network: the full name of the network.
        ip_range: a range of 16 addresses that nobody in the network uses.

    Raises:
        google.api_core.exceptions.GoogleAPICallError: Google refused; the text says why. What is
            found out later is raised by the operation.
    """
    parent, _, connector_id = name.partition("/connectors/")
    connector = vpcaccess_v1.Connector(
        network=network.rpartition("/")[2],
        ip_cidr_range=ip_range,
        min_instances=2,
        max_instances=3,
    )
    return client(vpcaccess_v1.VpcAccessServiceClient).create_connector(
        parent=parent, connector_id=connector_id, connector=connector
    )


def delete_connector(name: str) -> Operation:
    """Begin to delete the connector ``name``, and return the operation.

    Raises:
        google.api_core.exceptions.NotFound: there is none.
    """
    return client(vpcaccess_v1.VpcAccessServiceClient).delete_connector(name=name)


def connectors(location: str) -> list[vpcaccess_v1.Connector]:
    """Return the connectors in ``projects/PROJECT/locations/REGION``."""
    return list(client(vpcaccess_v1.VpcAccessServiceClient).list_connectors(parent=location))


def ranges(network: str) -> list[str]:
    """Return the ranges that routes of a network (its full name) lead to, but for the internet's.

    A new range must not overlap them.
    """
    routes = _list(f"{network.partition('/networks/')[0]}/routes")
    return [
        route["destRange"]
        for route in routes
        if route["network"].endswith(f"/{network}") and route["destRange"] != "0.0.0.0/0"
    ]


def with_description(
    project: str, region: str, ours: Callable[[str, str], bool]
) -> Iterator[Thing]:
    """Yield the networks that are ours, and before them all of ours that needs them.

    Args:
        project: the project's id.
        region: where subnetworks, routers, tunnels, gateways and connectors are.
        ours: whether something with that description, made at that time, is. A connector has
            neither: it is ours if its network is.
    """
    networks = _with_description(f"projects/{project}/global/networks", ours)
    short = {name.rpartition("/")[2] for name in networks}
    for connector in connectors(f"projects/{project}/locations/{region}") if networks else ():
        if connector.network in short:
            yield "connector", connector.name, partial(_delete_connector, connector.name)
    for kind, collection in (
        ("route", "global/routes"),
        ("VPN tunnel", f"regions/{region}/vpnTunnels"),
        ("VPN gateway", f"regions/{region}/targetVpnGateways"),
        ("machine", "aggregated/instances"),
        ("router", f"regions/{region}/routers"),
        ("firewall rule", "global/firewalls"),
        ("subnetwork", f"regions/{region}/subnetworks"),
    ):
        for name in _with_description(f"projects/{project}/{collection}", ours):
            yield kind, name, partial(delete, name)
    for name in networks:
        yield "network", name, partial(delete, name)


def _egress(all_traffic: bool) -> run_v2.VpcAccess.VpcEgress:
    kinds: Any = run_v2.VpcAccess.VpcEgress
    chosen: run_v2.VpcAccess.VpcEgress = (
        kinds.ALL_TRAFFIC if all_traffic else kinds.PRIVATE_RANGES_ONLY
    )
    return chosen


def _delete_connector(name: str) -> None:
    finished(delete_connector(name))


def _with_description(collection: str, ours: Callable[[str, str], bool]) -> list[str]:
    """The full names of those in a collection that are ours by their description and time."""
    return [
        each["selfLink"].partition("/compute/v1/")[2]
        for each in _list(collection)
        if ours(each.get("description", ""), each["creationTimestamp"])
    ]


def _list(collection: str) -> list[Document]:
    """All resources of a collection, or of one in all its places if it is ``aggregated``."""
    found: list[Document] = []
    page: dict[str, str] = {}
    kind = collection.rpartition("/")[2]
    while True:
        url = f"{COMPUTE}/{collection}"
        answer = checked(session().get(url, params=page, timeout=SECONDS))
        items = answer.get("items", [])
        places = (
            [place.get(kind, []) for place in items.values()]
            if isinstance(items, dict)
            else [items]
        )
        found += [each for place in places for each in place]
        if "nextPageToken" not in answer:
            return found
        page = {"pageToken": answer["nextPageToken"]}


def _work(verb: str, path: str, body: Document | None = None) -> None:
    """Send a request, and come back when what it began has been done."""
    answer = session().request(verb, f"{COMPUTE}/{path}", json=body, timeout=SECONDS)
    operation = checked(answer)
    while operation["status"] != "DONE":
        operation = checked(session().post(f"{operation['selfLink']}/wait", timeout=SECONDS))
    if "error" in operation:
        message = operation["error"]["errors"][0]["message"]
        raise requests.HTTPError(f"{operation['httpErrorStatusCode']}: {message}")
