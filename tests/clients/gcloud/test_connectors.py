"""``gcloud compute networks vpc-access``: connectors, as the wiki's team would make one."""

from __future__ import annotations

from tests.clients.gcloud.conftest import Gcloud
from tests.conftest import REGION

CONNECTORS = ("compute", "networks", "vpc-access", "connectors")
IN_REGION = ("--region", REGION)


def test_connectors(gcloud: Gcloud) -> None:
    """Made, refused for a range that is taken, grown, deleted."""
    done = gcloud.ok(*CONNECTORS, "create", "c1", "--range=10.8.0.0/28", *IN_REGION)
    assert "Created connector [c1]." in done.stderr
    found = gcloud.json(*CONNECTORS, "describe", "c1", *IN_REGION)
    assert (found["state"], found["network"]) == ("READY", "default")
    assert (found["minInstances"], found["maxInstances"]) == (2, 10)
    told = gcloud.refused(*CONNECTORS, "create", "c2", "--range=10.8.0.0/28", *IN_REGION)
    assert '"code": 3' in told
    assert "It conflicts with an existing subnetwork. Please delete the connector manually." in told
    states = {
        each["name"].rpartition("/")[2]: each["state"]
        for each in gcloud.json(*CONNECTORS, "list", *IN_REGION)
    }
    assert states == {"c1": "READY", "c2": "ERROR"}
    update = (*CONNECTORS, "update", "c1", *IN_REGION)
    done = gcloud.ok(*update, "--min-instances=3", "--max-instances=10")
    assert "Updated connector [c1]." in done.stderr
    told = gcloud.refused(*update, "--min-instances=2", "--max-instances=10")
    assert "connector.min_instances" in told
    for name in ("c1", "c2"):
        gcloud.ok(*CONNECTORS, "delete", name, *IN_REGION)
    assert gcloud.json(*CONNECTORS, "list", *IN_REGION) == []


def test_where_connectors_can_be(gcloud: Gcloud) -> None:
    found = gcloud.json("compute", "networks", "vpc-access", "locations", "list")
    assert REGION in [each["locationId"] for each in found]
