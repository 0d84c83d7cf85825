"""Bad input: Google's error that names the field, and nothing has changed."""

from __future__ import annotations

from typing import Any

import pytest
import requests
from google.api_core import exceptions
from google.cloud import run_v2

from tests.clients.test_official_clients import HELLO, template
from tests.conftest import REGION, LocalCloud, access_token

RUN = "https://run.googleapis.com/v2"


def post(project: str, body: Any, service_id: str = "hello", region: str = REGION) -> Any:
    return requests.post(
        f"{RUN}/projects/{project}/locations/{region}/services",
        params={"serviceId": service_id},
        json=body,
        headers={"Authorization": f"Bearer {access_token()}"},
        timeout=30,
    )


def container(**fields: Any) -> dict[str, Any]:
    return {"template": {"containers": [{"image": HELLO, **fields}]}}


def in_template(**fields: Any) -> dict[str, Any]:
    return {"template": {"containers": [{"image": HELLO}], **fields}}


FIRST = "service.template.containers[0]"
HALF = {"percent": 50, "type": "TRAFFIC_TARGET_ALLOCATION_TYPE_LATEST"}
NO_REVISION = {"percent": 100, "type": "TRAFFIC_TARGET_ALLOCATION_TYPE_REVISION"}
WRONG: list[tuple[Any, str, str]] = [
    (container() | {"launchStage": "EARLY_ACCESS"}, "service.launch_stage", "ALPHA, BETA, GA"),
    (container() | {"scaling": {"scalingMode": 7}}, "service.scaling.scaling_mode", "AUTOMATIC"),
    (container() | {"traffic": [{"percent": 100}]}, "service.traffic[0].type", "must be one of"),
    (in_template(executionEnvironment=7), "service.template.execution_environment", "GEN2"),
    ({"nosuch": 1}, "service", "Cannot find field"),
    ({"labels": "x"}, "service.labels", "Invalid value at 'service.labels'"),
    ({}, "service.template", "required field not present."),
    ({"template": {}}, "service.template.containers", "must contain at least one container"),
    ({"template": {"containers": [{}]}}, f"{FIRST}.image", "must provide an image name to deploy"),
    (container(image="NOT an image"), f"{FIRST}.image", "must be a container image path"),
    (container(ports=[{"containerPort": 1}, {}]), f"{FIRST}.ports", "should contain 0 or 1 port"),
    (container(ports=[{"name": "tcp"}]), f"{FIRST}.ports[0].name", "'http1' or 'h2c'"),
    (container(ports=[{"containerPort": 70000}]), f"{FIRST}.ports[0].container_port", "65535"),
    (container(env=[{"name": "PORT", "value": "1"}]), f"{FIRST}.env", "reserved env names"),
    (container(env=[{"name": "A=B", "value": "x"}]), f"{FIRST}.env[0].name", "'='"),
    (container(env=[{"name": "A", "value": "x\0y"}]), f"{FIRST}.env[0].value", "null character"),
    (container(env=[{"name": "A", "value": "x" * 32769}]), f"{FIRST}.env[0].value", "32768"),
    (container(resources={"limits": {"memory": "lots"}}), f"{FIRST}.resources.limits.memory",
     "Could not parse Quantity"),
    (container(resources={"limits": {"memory": "1Mi"}}), f"{FIRST}.resources.limits.memory",
     "Invalid value specified for container memory"),
    (container(resources={"limits": {"cpu": "3"}}), f"{FIRST}.resources.limits.cpu",
     "Must be equal to one of"),
    (container(startupProbe={"timeoutSeconds": 1}), f"{FIRST}.startup_probe",
     "Exactly one probe action must be set"),
    (container(livenessProbe={"tcpSocket": {}}), f"{FIRST}.liveness_probe.tcp_socket",
     "for startup probes only"),
    (container(livenessProbe={"httpGet": {}, "periodSeconds": 3601}),
     f"{FIRST}.liveness_probe.period_seconds", "Must not exceed 3600."),
    (container(readinessProbe={"httpGet": {}, "timeoutSeconds": 11}),
     f"{FIRST}.readiness_probe.period_seconds", "greater or equal than timeout_seconds"),
    (container(startupProbe={"httpGet": {"httpHeaders": [{"name": "a b"}]}}),
     f"{FIRST}.startup_probe.http_get.http_headers[0].name", "required field"),
    (in_template(timeout="7200s"), "service.template.timeout", "maximum allowed time is one hour"),
    (in_template(maxInstanceRequestConcurrency=1001),
     "service.template.max_instance_request_concurrency", "between 0 and 1000"),
    (in_template(scaling={"minInstanceCount": 3, "maxInstanceCount": 2}),
     "service.template.scaling.max_instance_count", "min_instance_count"),
    (in_template(vpcAccess={"egress": "ALL_TRAFFIC"}), "service.template.vpc_access.egress",
     "one and only one of connector and network_interfaces must be set."),
    (in_template(vpcAccess={"connector": "c", "networkInterfaces": [{"network": "default"}]}),
     "service.template.vpc_access.connector",
     "one and only one of connector and network_interfaces must be set."),
    (in_template(vpcAccess={"connector": "a/b"}), "service.template.vpc_access.connector",
     "projects/*/locations/*/connectors/*"),
    (in_template(vpcAccess={"networkInterfaces": [{}]}),
     "service.template.vpc_access.network_interfaces[0]", "network and subnetwork"),
    (in_template(vpcAccess={"networkInterfaces": [{"network": "a"}, {"network": "b"}]}),
     "service.template.vpc_access.network_interfaces", "exactly one"),
    (in_template(vpcAccess={"networkInterfaces": [{"network": "a", "tags": ["No tag"]}]}),
     "service.template.vpc_access.network_interfaces[0].tags", "network tags"),
    (in_template(vpcAccess={"networkInterfaces": [{"network": "a/b"}]}),
     "service.template.vpc_access.network_interfaces[0].network", "must be a name or"),
    (in_template() | {"ingress": 7}, "service.ingress", "INGRESS_TRAFFIC_INTERNAL_ONLY"),
    (in_template(revision="other-1"), "service.template.revision", "prefixed by"),
    (in_template() | {"traffic": [HALF]}, "service.traffic", "should be 100"),
    (in_template() | {"traffic": [NO_REVISION]}, "service.traffic[0].revision",
     "must be specified if and only if traffic type is"),
    (in_template() | {"name": "projects/p"}, "service.name", "must be empty"),
    (in_template() | {"labels": {"run.googleapis.com/x": "y"}}, "service.labels",
     "system labels are not supported"),
]  # fmt: skip


@pytest.mark.parametrize(("body", "field", "text"), WRONG, ids=[row[1] for row in WRONG])
def test_a_wrong_service_is_refused_with_its_field(
    cloud: LocalCloud, project: str, body: Any, field: str, text: str
) -> None:
    """A learner mends what the message names; a crash or a silent default teaches nothing."""
    response = post(project, body)
    error = response.json()["error"]
    assert (response.status_code, error["status"]) == (400, "INVALID_ARGUMENT"), error
    violation = error["details"][0]["fieldViolations"][0]
    assert violation["field"].removeprefix("Violation in CreateServiceRequest.") == field
    assert text in error["message"]
    parent = f"projects/{project}/locations/{REGION}"
    assert list(run_v2.ServicesClient().list_services(parent=parent)) == []


@pytest.mark.parametrize("service_id", ["", "Hello", "1hello", "hello-", "a" * 50, "a/b"])
def test_a_name_that_no_service_can_have(cloud: LocalCloud, project: str, service_id: str) -> None:
    """The name becomes an address."""
    assert post(project, in_template(), service_id).status_code == 400


NOT_SERVED = [
    (in_template(volumes=[{"name": "v", "emptyDir": {}}]), "RevisionTemplate.volumes"),
    (in_template(volumes=[{"name": "v", "gcs": {"bucket": "b"}}]), "RevisionTemplate.volumes"),
    (in_template(sessionAffinity=True), "RevisionTemplate.sessionAffinity"),
    ({"template": {"containers": [{"image": HELLO}, {"image": HELLO}]}}, "more than one container"),
    (container(ports=[{"name": "h2c"}]), "h2c"),
    (container(image="nginx"), "images of docker.io"),
    (container(image="ghcr.io/a/b"), "images of ghcr.io"),
    (container(livenessProbe={"grpc": {}}), "gRPC probes (Container.livenessProbe.grpc)"),
    (container(readinessProbe={"httpGet": {}, "initialDelaySeconds": 1}),
     "Container.readinessProbe.initialDelaySeconds"),
    (container(volumeMounts=[{"name": "v", "mountPath": "/v"}]), "Container.volumeMounts"),
    (container(env=[{"name": "A", "valueSource": {"secretKeyRef": {"secret": "s"}}}]),
     "EnvVar.valueSource (Secret Manager)"),
    (container(startupProbe={"tcpSocket": {"port": 9000}}), "another port"),
    (in_template() | {"iapEnabled": True}, "Service.iapEnabled"),
]  # fmt: skip


@pytest.mark.parametrize(("body", "text"), NOT_SERVED, ids=[row[1] for row in NOT_SERVED])
def test_what_is_not_served_is_refused_by_name(
    cloud: LocalCloud, project: str, body: Any, text: str
) -> None:
    """A setting that is taken and ignored would be a lie."""
    response = post(project, body)
    assert response.status_code == 501
    assert text in response.json()["error"]["message"]


def test_unknown_parents(cloud: LocalCloud, project: str) -> None:
    """A typo in the project or the region is not a new one."""
    assert post("no-such-project", in_template()).status_code == 403
    response = post(project, in_template(), region="atlantis-1")
    assert response.status_code == 403
    assert "Permission denied on 'locations/atlantis-1'" in response.json()["error"]["message"]


def test_unserved_methods_and_hosts_are_named(cloud: LocalCloud, project: str) -> None:
    """Nothing is passed on to Google, and nothing is faked."""
    headers = {"Authorization": f"Bearer {access_token()}"}
    for url in (
        f"{RUN}/projects/{project}/locations/{REGION}/jobs",
        "https://bigquery.googleapis.com/bigquery/v2/projects/p/datasets",
    ):
        response = requests.get(url, headers=headers, timeout=30)
        assert response.status_code == 501
        assert url.split("/")[2] in response.json()["error"]["message"]
    with pytest.raises(exceptions.MethodNotImplemented, match="Jobs/ListJobs"):
        run_v2.JobsClient().list_jobs(parent=f"projects/{project}/locations/{REGION}")


@pytest.fixture
def service(cloud: LocalCloud, project: str) -> run_v2.Service:
    client = run_v2.ServicesClient()
    parent = f"projects/{project}/locations/{REGION}"
    wanted = run_v2.Service(template=template())
    operation = client.create_service(parent=parent, service=wanted, service_id="hello")
    return operation.result(60)


def test_a_stale_etag_changes_nothing(service: run_v2.Service) -> None:
    """Of two people who change a service, the second must not undo the first unseen."""
    client = run_v2.ServicesClient()
    stale = run_v2.Service(service)
    service.labels["by"] = "first"
    client.update_service(service=service).result(60)
    stale.labels["by"] = "second"
    with pytest.raises(exceptions.Aborted):
        client.update_service(service=stale)
    with pytest.raises(exceptions.Aborted):
        client.delete_service(run_v2.DeleteServiceRequest(name=stale.name, etag=stale.etag))
    assert client.get_service(name=stale.name).labels["by"] == "first"


def test_creating_twice_and_unknown_masks(service: run_v2.Service) -> None:
    """What exists is not overwritten, and a mask that names nothing is no change."""
    client = run_v2.ServicesClient()
    parent = service.name.rpartition("/services")[0]
    with pytest.raises(exceptions.AlreadyExists, match="Resource 'hello' already exists"):
        client.create_service(
            parent=parent, service=run_v2.Service(template=template()), service_id="hello"
        )
    with pytest.raises(exceptions.InvalidArgument, match="nosuch"):
        client.update_service(service=service, update_mask={"paths": ["nosuch"]})
    assert client.get_service(name=service.name) == service


def test_validate_only_makes_nothing(cloud: LocalCloud, project: str) -> None:
    """A dry run that deploys is no dry run."""
    client = run_v2.ServicesClient()
    parent = f"projects/{project}/locations/{REGION}"
    request = run_v2.CreateServiceRequest(
        parent=parent,
        service=run_v2.Service(template=template()),
        service_id="dry",
        validate_only=True,
    )
    assert client.create_service(request).result(10).template.timeout.seconds == 300
    assert list(client.list_services(parent=parent)) == []


def test_a_page_token_of_another_list_is_refused(service: run_v2.Service) -> None:
    """A token from elsewhere would skip or repeat what is listed."""
    client = run_v2.ServicesClient()
    parent = service.name.rpartition("/services")[0]
    for request in (
        run_v2.ListServicesRequest(parent=parent, page_token="nonsense"),
        run_v2.ListServicesRequest(parent=parent, page_size=-1),
    ):
        with pytest.raises(exceptions.InvalidArgument):
            client.list_services(request)


def test_an_image_that_does_not_exist(cloud: LocalCloud, project: str) -> None:
    """The most common typo of all: the service says which image it was."""
    client = run_v2.ServicesClient()
    parent = f"projects/{project}/locations/{REGION}"
    image = f"gcr.io/{project}/missing"
    wanted = run_v2.Service(template=template(image))
    operation = client.create_service(parent=parent, service=wanted, service_id="hello")
    with pytest.raises(exceptions.GoogleAPICallError, match=f"Image '{image}' not found"):
        operation.result(60)
    condition = client.get_service(name=f"{parent}/services/hello").terminal_condition
    assert condition.reason == run_v2.Condition.CommonReason.CONTAINER_MISSING


def test_a_service_account_that_does_not_exist(cloud: LocalCloud, project: str) -> None:
    """A revision must not run as nobody."""
    response = post(project, in_template(serviceAccount=f"ghost@{project}.iam.gserviceaccount.com"))
    assert response.status_code == 403
    assert "Permission 'iam.serviceaccounts.actAs' denied" in response.json()["error"]["message"]
