"""The exercises of lesson 07: they look at connectors, services and their invokers."""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import IPv4Network

import requests
from google.cloud import run_v2

from helpers import ingress, lab, network
from helpers.check import Outcome, exercise, not_tried, not_yet, passed
from helpers.clients import client
from helpers.pictures import STOPPED
from helpers.service import get

EVERYBODY = {"allUsers", "allAuthenticatedUsers"}
ALL_TRAFFIC = run_v2.VpcAccess.VpcEgress.ALL_TRAFFIC
INTERNAL = run_v2.IngressTraffic.INGRESS_TRAFFIC_INTERNAL_ONLY


@exercise
def choose_range(block: IPv4Network) -> Outcome:
    """Whether a second connector is ready, with a range in ``block``."""
    [vpc] = lab.made("network")
    found = [each for each in network.connectors(_location()) if each.network == vpc]
    second = [each for each in found if each.name.rpartition("/")[2] != vpc]
    if not second:
        return not_tried("There is no second connector. Make the one whose name is in spare.")
    for connector in second:
        short = connector.name.rpartition("/")[2]
        if connector.state.name == "ERROR":
            return not_yet(f"{short} is in the state ERROR. Delete it, and choose another range.")
        if not IPv4Network(connector.ip_cidr_range).subnet_of(block):
            return not_yet(f"{short} has a range that is not in {block}.")
        if connector.state.name != "READY":
            return not_yet(f"{short} is {connector.state.name}. Wait until it is READY.")
    return passed("The second connector is READY, so its range is free.")


@exercise
def swap_connector(statuses: Sequence[int]) -> Outcome:
    """Whether the first service sends by Direct VPC egress, and all calls meanwhile got 200."""
    access = _service(0).template.vpc_access
    if not statuses or access.connector:
        return not_tried("The service sends through the connector. Change that in the with block.")
    if not access.network_interfaces:
        return not_yet("The service has no way into the network any more.")
    if access.egress != ALL_TRAFFIC:
        return not_yet("It sent all traffic before, and now only what is for private ranges.")
    failed = [each for each in statuses if each != requests.codes.ok]
    if failed:
        return not_yet(f"{len(failed)} of {len(statuses)} calls failed, one with {failed[0]}.")
    return passed("The service sends by Direct VPC egress, and no call failed.")


@exercise
def let_one_in() -> Outcome:
    """Whether the last service is internal, and lets the first in by an account of its own."""
    caller, guarded = _service(0), _service(-1)
    invokers = _invokers(guarded.name)
    if not invokers and guarded.ingress != INTERNAL:
        return not_tried("The third service is not internal, and has no invoker.")
    if guarded.ingress != INTERNAL:
        return not_yet("The third service is not internal: outsiders don't get 404.")
    if guarded.invoker_iam_disabled or invokers & EVERYBODY:
        return not_yet("Every insider may call the third service.")
    account = caller.template.service_account
    services = client(run_v2.ServicesClient).list_services(parent=_location())
    if sum(each.template.service_account == account for each in services) > 1:
        return not_yet("The first service runs as an account that other services run as, too.")
    if invokers != {f"serviceAccount:{account}"}:
        return not_yet("The account of the first service must be an invoker, and the only one.")
    for station in ingress.way_in(guarded.name, account, caller.name):
        if station.state == STOPPED:
            return not_yet(f"The first service does not get in. {station.name}: {station.note}.")
    return passed("The first service gets in by an account of its own, and outsiders get 404.")


def _location() -> str:
    return "projects/{}/locations/{}".format(*lab.place())


def _service(number: int) -> run_v2.Service:
    """One of the services that the lesson makes, by its place in their list."""
    return get(f"{_location()}/services/{lab.made('service')[number]}")


def _invokers(service: str) -> set[str]:
    policy = client(run_v2.ServicesClient).get_iam_policy(request={"resource": service})
    lines = [line for line in policy.bindings if line.role == ingress.INVOKER]
    return {each for line in lines for each in line.members}
