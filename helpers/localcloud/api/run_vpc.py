"""How a revision says that it sends into a VPC network: ``template.vpcAccess``.

Source: https://docs.cloud.google.com/run/docs/configuring/vpc-direct-vpc and
https://docs.cloud.google.com/run/docs/configuring/vpc-connectors (2026-11-25); the messages from
https://github.com/googleapis/google-cloud-node/issues/4731 (2023-10-05) and public logs of gcloud
(2024 to 2026).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from .. import unrecorded
from ..cloud import Cloud
from ..errors import GoogleError, unimplemented
from ..network.egress import Egress

Document = dict[str, Any]
Refuse = Callable[[str, str], GoogleError]

PLACE = "service.template.vpc_access"
EGRESS = ("ALL_TRAFFIC", "PRIVATE_RANGES_ONLY")
ONE = "one and only one of connector and network_interfaces must be set."
CONNECTOR = re.compile(r"(projects/([^/]+)/locations/([^/]+)/connectors/)?([a-z][a-z0-9-]*)")
TAG = re.compile(r"[a-z]([a-z0-9-]{0,61}[a-z0-9])?")
SHORT = r"([a-z]([a-z0-9-]{0,61}[a-z0-9])?)"
URL = r"(https://(?:www|compute)\.googleapis\.com/compute/v1/)?"
NETWORK = re.compile(rf"({URL}projects/(?P<project>[^/]+)/global/networks/)?(?P<short>{SHORT})")
SUBNETWORK = re.compile(
    rf"({URL}projects/(?P<project>[^/]+)/regions/(?P<region>[^/]+)/subnetworks/)?"
    rf"(?P<short>{SHORT})"
)


def check(access: Document, refuse: Refuse) -> None:
    """Refuses what ``vpcAccess`` cannot be, wherever the service is."""
    connector, interfaces = access.get("connector"), access.get("networkInterfaces")
    if bool(connector) == bool(interfaces):
        place = f"{PLACE}.egress" if "egress" in access and not connector else f"{PLACE}.connector"
        raise refuse(place if not interfaces else f"{PLACE}.connector", ONE)
    if access.get("egress", EGRESS[0]) not in EGRESS:
        raise refuse(f"{PLACE}.egress", unrecorded.one_of(EGRESS))
    if connector and not CONNECTOR.fullmatch(connector):
        raise refuse(f"{PLACE}.connector", unrecorded.connector_name())
    place = f"{PLACE}.network_interfaces"
    if interfaces and len(interfaces) != 1:
        raise refuse(place, unrecorded.one_interface())
    for interface in interfaces or []:
        _check_interface(interface, f"{place}[0]", refuse)


def _check_interface(interface: Document, place: str, refuse: Refuse) -> None:
    network, subnetwork = interface.get("network", ""), interface.get("subnetwork", "")
    tags = interface.get("tags", [])
    if not network and not subnetwork:
        raise refuse(place, unrecorded.network_or_subnetwork())
    if not isinstance(network, str) or (network and not NETWORK.fullmatch(network)):
        raise refuse(f"{place}.network", unrecorded.network_name())
    if not isinstance(subnetwork, str) or (subnetwork and not SUBNETWORK.fullmatch(subnetwork)):
        raise refuse(f"{place}.subnetwork", unrecorded.network_name())
    if not isinstance(tags, list) or not all(
        isinstance(tag, str) and TAG.fullmatch(tag) for tag in tags
    ):
        raise refuse(f"{place}.tags", unrecorded.network_tags())


def check_here(cloud: Cloud, project: str, region: str, access: Document, refuse: Refuse) -> None:
    """Refuses a connector or a subnetwork of another region, and an engine without networks."""
    if not cloud.engine.networks:
        raise unimplemented(f"RevisionTemplate.vpcAccess: {unrecorded.vpc_engine()}")
    if connector := CONNECTOR.fullmatch(access.get("connector", "")):
        if connector[3] and connector[3] != region:
            raise refuse(f"{PLACE}.connector", unrecorded.same_region("connector", region))
        if connector[2] and connector[2] not in _names(cloud, project):
            raise unimplemented("a connector of another project (Shared VPC)")
    for interface in access.get("networkInterfaces", []):
        place = f"{PLACE}.network_interfaces[0]"
        for field, pattern in (("network", NETWORK), ("subnetwork", SUBNETWORK)):
            found = pattern.fullmatch(interface.get(field, ""))
            if not found:
                continue
            if found["project"] and found["project"] not in _names(cloud, project):
                raise unimplemented("a network of another project (Shared VPC)")
            if field == "subnetwork" and found["region"] and found["region"] != region:
                raise refuse(f"{place}.{field}", unrecorded.same_region("subnetwork", region))


def missing(cloud: Cloud, project: str, region: str, access: Document) -> str:
    """What stands in the way of a revision that wants into a network; empty for nothing."""
    egress = egress_of(cloud, project, region, access)
    if egress.connector:
        connector = cloud.vpc.connector(egress.connector)
        if connector is None:
            return (
                f"VPC connector {egress.connector} does not exist, or Cloud Run does not have"
                " permission to use it."
            )
        if connector["state"] != "READY":
            return unrecorded.connector_not_ready(egress.connector, connector["state"])
        return ""
    found = cloud.vpc.subnetwork(project, region, egress.subnetwork.rpartition("/")[2])
    wanted = NETWORK.fullmatch(access["networkInterfaces"][0].get("network", ""))
    if found is None:
        return unrecorded.no_subnetwork(egress.subnetwork)
    if wanted and found["network"].rpartition("/")[2] != wanted["short"]:
        return unrecorded.subnetwork_elsewhere(egress.subnetwork, wanted["short"])
    return ""


def egress_of(cloud: Cloud, project: str, region: str, access: Document) -> Egress:
    """What ``vpcAccess`` says, with full names."""
    all_traffic = access.get("egress") == "ALL_TRAFFIC"
    if connector := CONNECTOR.fullmatch(access.get("connector", "")):
        name = f"projects/{project}/locations/{region}/connectors/{connector[4]}"
        return Egress(connector=name, all_traffic=all_traffic)
    interface = access["networkInterfaces"][0]
    # Without a subnetwork it is the one that is named like the network.
    short = (interface.get("subnetwork") or interface["network"]).rpartition("/")[2]
    return Egress(
        subnetwork=f"projects/{project}/regions/{region}/subnetworks/{short}",
        tags=frozenset(interface.get("tags", [])),
        all_traffic=all_traffic,
    )


def _names(cloud: Cloud, project: str) -> tuple[str, str]:
    return project, str(cloud.accounts.project_number(project))
