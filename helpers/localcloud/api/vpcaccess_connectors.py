"""What makes, changes and removes connectors, on the cloud's clock.

At Google a connector takes about two minutes to make. Here the waits are simulated and shorter.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Awaitable, Callable
from typing import Any

from .. import unrecorded
from ..clock import timestamp
from ..cloud import Cloud
from ..errors import GoogleError, invalid
from ..network import addresses
from ..network.addresses import NotARange
from ..network.starting import compute_time, identified
from ..network.vpc import CONNECTORS, HIDDEN, NETWORKS, hidden_name
from . import operations

Document = dict[str, Any]

TYPES = "google.cloud.vpcaccess_v1"
PROTO = "type.googleapis.com/google.cloud.vpcaccess.v1"
EMPTY = {"@type": "type.googleapis.com/google.protobuf.Empty"}

SECONDS = {"CreateConnector": 5.0, "UpdateConnector": 3.0, "DeleteConnector": 1.0}
"""Simulated: how long the work of a method takes, by the cloud's clock."""

STATES = {"CreateConnector": "CREATING", "UpdateConnector": "UPDATING",
          "DeleteConnector": "DELETING"}  # fmt: skip
MACHINES = ("e2-micro", "f1-micro", "e2-standard-4")
ID = "^[a-z][-a-z0-9]{0,23}[a-z0-9]$"
PREFIX = 28

log = logging.getLogger(__name__)


def check_new(
    cloud: Cloud, project: str, region: str, connector_id: str, asked: Document
) -> Document:
    """A new connector as it is stored. Raises GoogleError.

    The text about the id: https://github.com/hashicorp/terraform-provider-google/issues/13915
    (2023-03).
    """
    if not re.fullmatch(ID[1:-1], connector_id):
        raise invalid("connector_id", f"Connector ID must follow the pattern {ID}.")
    cloud.vpc.prepare(project)
    fields: Document = {"machineType": asked.get("machineType") or "e2-micro"}
    check_scaling({"machineType": fields["machineType"]} | {
        each: asked[each] for each in _SCALING if each in asked}, None)  # fmt: skip
    subnet = asked.get("subnet", {})
    if subnet.get("name"):
        if asked.get("ipCidrRange") or asked.get("network"):
            raise invalid("connector.subnet", unrecorded.connector_subnet_or_range())
        fields |= _in_subnet(cloud, project, region, subnet)
    elif asked.get("ipCidrRange"):
        fields |= _in_range(cloud, project, asked["ipCidrRange"], asked.get("network", ""))
    else:
        raise invalid("connector.ip_cidr_range", unrecorded.connector_subnet_or_range())
    name = f"projects/{project}/locations/{region}/connectors/{connector_id}"
    return {"name": name, **fields, **_scaled(asked)}


_SCALING = ("minInstances", "maxInstances", "minThroughput", "maxThroughput")


def check_scaling(asked: Document, before: Document | None) -> None:
    """Raises GoogleError for scaling that can't be, or that would shrink a connector.

    The text about two instances: deployment notes of 2025 in public repositories.
    """
    machine = asked.get("machineType", MACHINES[0])
    if machine not in MACHINES:
        raise invalid("connector.machine_type", unrecorded.one_of(MACHINES))
    low, high = asked.get("minInstances"), asked.get("maxInstances")
    if low is not None and low < 2:
        text = "The minimum amount of instances underlying the connector must be at least 2"
        raise invalid("connector.min_instances", text)
    low = low if low is not None else 2
    if high is not None and not low < high <= 10:
        raise invalid("connector.max_instances", unrecorded.connector_instances())
    slow, fast = asked.get("minThroughput") or 200, asked.get("maxThroughput")
    for field, value, least, most in (
        ("min_throughput", slow, 200, 900),
        ("max_throughput", fast or slow + 100, 300, 1000),
    ):
        if not least <= value <= most or value % 100:
            raise invalid(f"connector.{field}", unrecorded.connector_throughput(least, most))
    if fast is not None and fast <= slow:
        raise invalid("connector.max_throughput", unrecorded.connector_throughput(300, 1000))
    if before is not None:
        for field in _SCALING:
            if asked.get(field) is not None and asked[field] < before.get(field, 0):
                path = re.sub("([A-Z])", r"_\1", field).lower()
                raise invalid(f"connector.{path}", unrecorded.connector_shrinks(before[field]))


def _scaled(asked: Document) -> Document:
    """Instances and throughput, each from the other: an e2-micro is good for 100 Mbps.

    Nothing if neither upper end is given: then creation fails, see ``_create``.
    """
    high = asked.get("maxInstances") or (asked.get("maxThroughput") or 0) // 100
    if not high:
        return {}
    low = asked.get("minInstances") or (asked.get("minThroughput") or 200) // 100
    return {
        "minInstances": low,
        "maxInstances": high,
        "minThroughput": low * 100,
        "maxThroughput": high * 100,
    }


def _in_subnet(cloud: Cloud, project: str, region: str, subnet: Document) -> Document:
    host = subnet.get("projectId") or project
    if host != project:
        raise GoogleError("UNIMPLEMENTED", unrecorded.connector_shared())
    found = cloud.vpc.subnetwork(host, region, subnet["name"])
    if found is None:
        missing = unrecorded.connector_no_subnet(subnet["name"], region)
        raise invalid("connector.subnet.name", missing)
    if addresses.parse(found["ipCidrRange"]).prefixlen != PREFIX:
        raise invalid("connector.subnet.name", unrecorded.connector_prefix(PREFIX))
    user = cloud.vpc.user_of(found["name"])
    if user is not None:
        raise invalid("connector.subnet.name", unrecorded.connector_used_subnet(user))
    network = found["network"].rpartition("/")[2]
    return {"subnet": {"name": subnet["name"]}, "network": network}


def _in_range(cloud: Cloud, project: str, text: str, network: str) -> Document:
    network = network.rpartition("/")[2] or "default"
    if cloud.vpc.network(project, network) is None:
        raise invalid("connector.network", unrecorded.connector_no_network(network))
    try:
        wanted = addresses.parse(text)
    except NotARange:
        raise invalid("connector.ip_cidr_range", unrecorded.compute_range()) from None
    if wanted.prefixlen != PREFIX:
        raise invalid("connector.ip_cidr_range", unrecorded.connector_prefix(PREFIX))
    return {"network": network, "ipCidrRange": text}


def require_still(connector: Document) -> None:
    """Raises GoogleError while another operation works on a connector."""
    if connector["state"] in STATES.values():
        raise GoogleError("FAILED_PRECONDITION", unrecorded.connector_busy(connector["state"]))


# The work


def begin(cloud: Cloud, connector: Document, method: str) -> Document:
    """Stores a connector in the state of the method, and the operation that ends it."""
    name = connector["name"]
    location = name.rpartition("/connectors/")[0]
    count = cloud.store.count_up("vpcaccess.operation", location)
    ident = cloud.ids.uuid("vpcaccess.operation", location, count)
    operation = {
        "name": f"{location}/operations/{ident}",
        "metadata": {
            "@type": f"{PROTO}.OperationMetadata",
            "method": f"google.cloud.vpcaccess.v1.VpcAccessService.{method}",
            "createTime": timestamp(cloud.clock.now()),
            "target": name,
        },
    }
    document = connector | {
        "state": STATES[method],
        "_operation": operation["name"],
        "_due": cloud.clock.time() + SECONDS[method],
    }
    with cloud.store.transaction():
        cloud.store.put(CONNECTORS, name, document)
        cloud.store.put(operations.KIND, str(operation["name"]), operation)
    _wait(cloud, document, method)
    return operation


def load(cloud: Cloud) -> set[str]:
    """Goes on with what an earlier daemon left undone; the names of those operations."""
    methods = {state: method for method, state in STATES.items()}
    resumed = set()
    for _, connector in cloud.store.list(CONNECTORS):
        if connector["state"] in methods:
            resumed.add(connector["_operation"])
            _wait(cloud, connector, methods[connector["state"]])
    return resumed


def _wait(cloud: Cloud, connector: Document, method: str) -> None:
    works: dict[str, Callable[[Cloud, Document], Document]] = {
        "CreateConnector": _create, "UpdateConnector": _update, "DeleteConnector": _delete,
    }  # fmt: skip

    async def action() -> None:
        _finish(cloud, connector, works[method])

    due: Callable[[], Awaitable[None]] = action
    cloud.clock.after(connector["_due"] - cloud.clock.time(), due)


def _finish(cloud: Cloud, connector: Document, work: Callable[[Cloud, Document], Document]) -> None:
    name = connector["_operation"]
    try:
        with cloud.store.transaction():
            response = work(cloud, connector)
            _stamp(cloud, name)
            operations.finish(cloud, name, response=response)
        return
    except GoogleError as refusal:
        error = refusal
    except Exception:
        log.exception("operation %s", name)
        error = GoogleError("INTERNAL", "Internal error encountered.")
    with cloud.store.transaction():
        cloud.store.put(CONNECTORS, connector["name"], _plain(connector) | {"state": "ERROR"})
        _stamp(cloud, name)
        operations.finish(cloud, name, error=error.rpc_status())


def _stamp(cloud: Cloud, name: str) -> None:
    metadata = operations.get(cloud, name)["metadata"]
    operations.update(cloud, name, metadata | {"endTime": timestamp(cloud.clock.now())})


def _create(cloud: Cloud, connector: Document) -> Document:
    """Gives a connector its subnetwork and its machines their addresses.

    The texts: https://github.com/GoogleCloudPlatform/magic-modules/pull/8766 (2023-08) and
    https://github.com/PaloAltoNetworks/terraform-google-swfw-modules/issues/84 (2026-04).
    """
    if "maxInstances" not in connector:
        raise GoogleError(
            "INVALID_ARGUMENT",
            "Operation failed: A Connector must specify either max_throughput or max_instances.",
        )
    name = connector["name"]
    if "ipCidrRange" in connector:
        _take_range(cloud, connector)
    subnetwork = cloud.vpc.connector_subnetwork(connector)
    user = cloud.vpc.user_of(subnetwork["name"]) if subnetwork else None
    if subnetwork is None or user not in (None, name):
        raise GoogleError("FAILED_PRECONDITION", unrecorded.connector_lost_subnet())
    for index in range(connector["minInstances"]):
        cloud.vpc.reserve(subnetwork["name"], f"{name}/{index}")
    return _ready(cloud, connector)


def _take_range(cloud: Cloud, connector: Document) -> None:
    _, project, _, region, *_ = connector["name"].split("/")
    network = f"projects/{project}/global/networks/{connector['network']}"
    if cloud.store.get(NETWORKS, network) is None:
        raise GoogleError("FAILED_PRECONDITION", unrecorded.connector_lost_subnet())
    taken = [str(way.destination) for way in
             cloud.vpc.ways_out(project, connector["network"]).ways
             if way.destination.prefixlen]  # fmt: skip
    if addresses.overlapping(connector["ipCidrRange"], taken):
        raise GoogleError(
            "INVALID_ARGUMENT",
            "Operation failed: Invalid IP CIDR range was provided. It conflicts with an existing"
            " subnetwork. Please delete the connector manually.",
        )
    fields = {
        "network": network,
        "ipCidrRange": connector["ipCidrRange"],
        "region": f"projects/{project}/regions/{region}",
    }
    created = compute_time(cloud.clock.now())
    made = identified(cloud.ids, "subnetwork", hidden_name(connector), created, fields)
    cloud.store.put(HIDDEN, made["name"], made)


def _update(cloud: Cloud, connector: Document) -> Document:
    wanted = connector["_wanted"]
    scaled = _scaled(connector | wanted)
    if wanted.get("machineType"):
        scaled["machineType"] = wanted["machineType"]
    return _ready(cloud, connector | scaled)


def _ready(cloud: Cloud, connector: Document) -> Document:
    ready = _plain(connector) | {"state": "READY"}
    cloud.store.put(CONNECTORS, ready["name"], ready)
    return {"@type": f"{PROTO}.Connector", **shown(ready)}


def _plain(connector: Document) -> Document:
    """A connector without what is remembered of the work on it."""
    return {key: value for key, value in connector.items() if not key.startswith("_")}


def shown(connector: Document) -> Document:
    """A connector's own fields as the API shows them; in a caller's subnetwork, only that."""
    plain = _plain(connector)
    if "subnet" in plain:
        del plain["network"]
    return plain


def _delete(cloud: Cloud, connector: Document) -> Document:
    name = connector["name"]
    cloud.vpc.release(name)
    cloud.store.delete(HIDDEN, hidden_name(connector))
    cloud.store.delete(CONNECTORS, name)
    return dict(EMPTY)
