"""Who gets in: what a request to a service passes on its way, read from the settings.

Source: https://docs.cloud.google.com/run/docs/securing/ingress (2026-11-25).
"""

from __future__ import annotations

from google.cloud import run_v2

from helpers.clients import client
from helpers.pictures import NOT_REACHED, NOT_USED, PASSED, STOPPED, Station

INVOKER = "roles/run.invoker"


def way_in(service: str, account: str = "", caller: str = "") -> list[Station]:
    """Return what a request passes on its way to a service, for `pictures.way`.

    It is read from the settings as they are now; no request is sent. Roles that an account has in
    the whole project are not looked at.

    Args:
        service: the full name of the service.
        account: the account whose ID token the request shows; none by default.
        caller: the full name of a service of the same project that sends the request; by default it
            comes from the internet.
    """
    run = client(run_v2.ServicesClient)
    there = run.get_service(name=service)
    policy = run.get_iam_policy(request={"resource": service})
    members = {each for line in policy.bindings if line.role == INVOKER for each in line.members}
    network, sent = _network(run.get_service(name=caller) if caller else None)
    setting = there.ingress.name.removeprefix("INGRESS_TRAFFIC_").lower().replace("_", " ")
    if there.default_uri_disabled:
        ingress = Station("ingress", STOPPED, "404, the default URL is disabled")
    elif setting == "all" or (network.state == PASSED and setting != "none"):
        ingress = Station("ingress", PASSED, f"the setting is “{setting}”")
    else:
        ingress = Station("ingress", STOPPED, f"404, the setting is “{setting}”")
    if there.invoker_iam_disabled:
        iam = Station("IAM check", PASSED, "it is switched off")
    elif members & {"allUsers", f"serviceAccount:{account}", f"user:{account}"}:
        iam = Station("IAM check", PASSED, "the caller is an invoker")
    else:
        iam = Station("IAM check", STOPPED, "403, the caller is no invoker")
    stations = [sent, network, ingress, iam, Station("your app", PASSED)]
    for place, station in enumerate(stations):
        if station.state == STOPPED:
            rest = stations[place + 1 :]
            return stations[: place + 1] + [Station(each.name, NOT_REACHED) for each in rest]
    return stations


def _network(caller: run_v2.Service | None) -> tuple[Station, Station]:
    """The VPC network between a caller and Google's front end, and the caller itself."""
    if caller is None:
        outside = Station("VPC network", NOT_USED, "the caller is in none")
        return outside, Station("caller", PASSED, "on the internet")
    sent = Station("caller", PASSED, f"the service {caller.name.rpartition('/')[2]}")
    access = caller.template.vpc_access
    way = access.connector or "".join(each.subnetwork for each in access.network_interfaces)
    if not way:
        return Station("VPC network", NOT_USED, "the caller has no way into one"), sent
    if access.egress != run_v2.VpcAccess.VpcEgress.ALL_TRAFFIC:
        note = "only what is for private ranges goes through it"
        return Station("VPC network", NOT_USED, note), sent
    return Station("VPC network", PASSED, f"all traffic, by {'/'.join(way.split('/')[-2:])}"), sent
