"""Run v1 for a client that only knows Kubernetes: JSON, a bearer token, five verbs."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from google.cloud import run_v2

from tests.api.calling import Caller
from tests.conftest import REGION, LocalCloud, eventually

HELLO = "gcr.io/cloudrun/hello"
KNATIVE = "apis/serving.knative.dev/v1/namespaces"


@pytest.fixture
def run(cloud: LocalCloud) -> Caller:
    return Caller(f"https://{REGION}-run.googleapis.com")


def manifest(name: str = "hello", **container: Any) -> dict[str, Any]:
    return {
        "apiVersion": "serving.knative.dev/v1",
        "kind": "Service",
        "metadata": {"name": name},
        "spec": {"template": {"spec": {"containers": [{"image": HELLO, **container}]}}},
    }


def conditions(resource: dict[str, Any]) -> dict[str, str]:
    return {each["type"]: each["status"] for each in resource["status"]["conditions"]}


def settled(run: Caller, path: str) -> dict[str, Any]:
    """The service once its last change has come through or failed, as a Knative client sees it."""

    def done(service: dict[str, Any]) -> bool:
        seen = service["status"]["observedGeneration"] == service["metadata"]["generation"]
        return seen and conditions(service)["Ready"] != "Unknown"

    return eventually(lambda: run("GET", path), done)


def test_a_service_from_creation_to_deletion(run: Caller, project: str) -> None:
    """What speaks Knative must find a Knative service here, from the first status to the last."""
    services = f"{KNATIVE}/{project}/services"
    made = run("POST", services, manifest())
    assert conditions(made) == {
        "Ready": "Unknown", "ConfigurationsReady": "Unknown", "RoutesReady": "Unknown",
    }  # fmt: skip
    assert made["metadata"]["generation"] == made["status"]["observedGeneration"] == 1
    ready = settled(run, f"{services}/hello")
    assert set(conditions(ready).values()) == {"True"}
    (target,) = ready["status"]["traffic"]
    assert target == {"latestRevision": True, "percent": 100,
                      "revisionName": ready["status"]["latestReadyRevisionName"]}  # fmt: skip
    assert ready["status"]["address"]["url"] == ready["status"]["url"]
    listed = run("GET", services)
    assert (listed["kind"], listed["items"]) == ("ServiceList", [ready])

    ready["spec"]["template"]["metadata"]["annotations"]["autoscaling.knative.dev/maxScale"] = "3"
    replaced = run("PUT", f"{services}/hello", ready)
    assert replaced["metadata"]["generation"] == 2
    assert replaced["status"]["observedGeneration"] == 1
    second = settled(run, f"{services}/hello")
    latest = second["status"]["latestReadyRevisionName"]
    assert latest != ready["status"]["latestReadyRevisionName"]

    revision = run("GET", f"{KNATIVE}/{project}/revisions/{latest}")
    assert revision["metadata"]["annotations"]["autoscaling.knative.dev/maxScale"] == "3"
    assert revision["metadata"]["labels"]["serving.knative.dev/configurationGeneration"] == "2"
    assert revision["status"]["imageDigest"].startswith(f"{HELLO}@sha256:")
    for kind in ("configurations", "routes"):
        part = run("GET", f"{KNATIVE}/{project}/{kind}/hello")
        assert part["metadata"]["ownerReferences"][0]["uid"] == second["metadata"]["uid"]
        assert conditions(part) == {"Ready": "True"}
        assert run("GET", f"{KNATIVE}/{project}/{kind}")["items"] == [part]

    assert run("DELETE", f"{services}/hello")["status"] == "Success"
    eventually(lambda: run("GET", services)["items"], lambda items: not items)
    error = run("GET", f"{services}/hello", status=404)["error"]
    assert error["status"] == "NOT_FOUND"
    assert error["message"].startswith("Resource 'hello' of kind 'SERVICE' in region")


def test_a_failed_revision_says_so_in_the_conditions(run: Caller, project: str) -> None:
    """A controller waits for Ready and shows its message; nothing else tells it what is wrong."""
    path = f"{KNATIVE}/{project}/services"
    run("POST", path, manifest(command=["/bin/sh", "-c", "exit 3"]))
    service = settled(run, f"{path}/hello")
    ready = service["status"]["conditions"][0]
    assert (ready["type"], ready["status"]) == ("Ready", "False")
    assert ready["reason"] == "HealthCheckContainerError"
    assert "is not ready and cannot serve traffic. The user-provided" in ready["message"]


def test_traffic_for_no_revision_says_so_in_the_conditions(run: Caller, project: str) -> None:
    """gcloud prints the message of Ready; without one it says that something failed, no more."""
    path = f"{KNATIVE}/{project}/services"
    run("POST", path, manifest())
    service = settled(run, f"{path}/hello")
    service["spec"]["traffic"] = [{"revisionName": "hello-none", "percent": 100}]
    run("PUT", f"{path}/hello", service)
    ready = settled(run, f"{path}/hello")["status"]["conditions"][0]
    assert (ready["type"], ready["status"]) == ("Ready", "False")
    assert "hello-none" in ready["message"]


def test_a_version_that_was_overtaken_is_refused(run: Caller, project: str) -> None:
    """Two people edit one service: the second must not undo the first without knowing."""
    path = f"{KNATIVE}/{project}/services/hello"
    run("POST", f"{KNATIVE}/{project}/services", manifest())
    first = settled(run, path)
    second = copy.deepcopy(first)
    first["metadata"]["labels"]["team"] = "a"
    run("PUT", path, first)
    settled(run, path)
    second["metadata"]["labels"]["team"] = "b"
    error = run("PUT", path, second, status=409)["error"]
    assert error["status"] == "ABORTED"
    assert error["message"].startswith("Conflict for resource 'hello': version '")
    del second["metadata"]["resourceVersion"]
    assert run("PUT", path, second)["metadata"]["labels"]["team"] == "b"


def test_neither_version_loses_what_the_other_says(run: Caller, project: str) -> None:
    """A team uses gcloud and Terraform on one service: no change may take another back."""
    body = manifest(
        name="both", workingDir="/", args=["x"], command=["/bin/sh", "-c", "true"],
        startupProbe={"tcpSocket": {"port": 8080}, "periodSeconds": 7, "failureThreshold": 9},
        livenessProbe={"httpGet": {"path": "/", "httpHeaders": [{"name": "A", "value": "b"}]}},
        readinessProbe={"httpGet": {"path": "/"}, "successThreshold": 2},
        ports=[{"name": "http1", "containerPort": 8080, "protocol": "TCP"}],
        env=[{"name": "A", "value": "1"}], resources={"limits": {"memory": "1Gi", "cpu": "1"}},
    )  # fmt: skip
    body["metadata"] |= {
        "labels": {"team": "a"},
        "annotations": {
            "run.googleapis.com/description": "old",
            "run.googleapis.com/build-id": "b-1",
            "run.googleapis.com/client-name": "gcloud",
            "run.googleapis.com/custom-audiences": '["https://a.example"]',
            "run.googleapis.com/minScale": "0",
            "example.com/note": "n",
        },
    }
    body["spec"]["template"]["metadata"] = {
        "name": "both-one",
        "labels": {"client.knative.dev/nonce": "abc", "tier": "web"},
        "annotations": {
            "run.googleapis.com/cpu-throttling": "true",
            "run.googleapis.com/startup-cpu-boost": "true",
            "run.googleapis.com/execution-environment": "gen2",
            "run.googleapis.com/client-version": "1",
        },
    }
    body["spec"]["template"]["spec"] |= {"containerConcurrency": 5, "timeoutSeconds": 61}
    path = f"{KNATIVE}/{project}/services"
    run("POST", path, body)
    before = settled(run, f"{path}/both")
    sent = body["metadata"]["annotations"]
    assert before["metadata"]["annotations"].items() >= sent.items()
    template = before["spec"]["template"]
    assert template["metadata"]["name"] == "both-one"
    for kind in ("labels", "annotations"):
        sent = body["spec"]["template"]["metadata"][kind]
        assert template["metadata"][kind].items() >= sent.items()

    client = run_v2.ServicesClient()
    service = client.get_service(name=f"projects/{project}/locations/{REGION}/services/both")
    assert (service.description, service.client) == ("old", "gcloud")
    assert dict(service.labels) == {"team": "a"}
    assert dict(service.annotations) == {"example.com/note": "n"}
    assert dict(service.template.labels) == {"tier": "web"}
    assert service.custom_audiences == ["https://a.example"]
    assert service.template.containers[0].resources.startup_cpu_boost
    assert service.template.timeout.total_seconds() == 61
    service.description = "new"
    client.update_service(service=service)

    after = settled(run, f"{path}/both")
    assert after["spec"] == before["spec"]
    changed = {"run.googleapis.com/description", "run.googleapis.com/operation-id"}
    old, new = before["metadata"]["annotations"], after["metadata"]["annotations"]
    assert {key for key in old | new if old.get(key) != new.get(key)} == changed
    assert run("PUT", f"{path}/both", after)["spec"] == before["spec"]
    again = client.get_service(name=service.name)
    assert again.template == service.template


def test_an_own_start_up_probe_is_kept_beside_the_old_label(run: Caller, project: str) -> None:
    """``gcloud run services describe --format export``, an edit, ``services replace``."""
    path = f"{KNATIVE}/{project}/services/hello"
    run("POST", f"{KNATIVE}/{project}/services", manifest(ports=[{"containerPort": 8081}]))
    read = run("GET", path)
    (container,) = read["spec"]["template"]["spec"]["containers"]
    container["ports"] = [{"containerPort": 8080}]
    changed = run("PUT", path, read, dryRun="all")["spec"]["template"]
    assert changed["metadata"]["labels"] == {"run.googleapis.com/startupProbeType": "Default"}
    (probe,) = [each["startupProbe"] for each in changed["spec"]["containers"]]
    assert probe["tcpSocket"] == {"port": 8080}

    container["startupProbe"] = {"tcpSocket": {"port": 8080}, "failureThreshold": 5}
    changed = run("PUT", path, read, dryRun="all")["spec"]["template"]
    assert "labels" not in changed["metadata"]
    (probe,) = [each["startupProbe"] for each in changed["spec"]["containers"]]
    assert probe["failureThreshold"] == 5


def test_what_is_nought_is_what_is_left_out(run: Caller, project: str) -> None:
    """Generators write every field; a period of 0 seconds would be a probe without a pause."""
    noughts = {"periodSeconds": 0, "timeoutSeconds": 0, "failureThreshold": 0,
               "successThreshold": 0, "tcpSocket": {"port": 0, "host": ""}}  # fmt: skip
    made = run("POST", f"{KNATIVE}/{project}/services", manifest(startupProbe=noughts))
    (container,) = made["spec"]["template"]["spec"]["containers"]
    defaults = {"periodSeconds": 10, "timeoutSeconds": 1, "failureThreshold": 3}
    assert container["startupProbe"] == defaults | {"tcpSocket": {"port": 8080}}


def test_only_googles_own_domains_are_hidden_from_version_2(run: Caller, project: str) -> None:
    """A label that version 2 does not show can neither be found nor kept by who uses it."""
    body = about(labels={"serving.knative.dev/x": "1", "myknative.dev/x": "2"})
    run("POST", f"{KNATIVE}/{project}/services", body)
    name = f"projects/{project}/locations/{REGION}/services/hello"
    assert dict(run_v2.ServicesClient().get_service(name=name).labels) == {"myknative.dev/x": "2"}


def test_lists_are_selected_and_cut(run: Caller, project: str) -> None:
    """Tools page through lists and select by label; a whole list instead would be wrong data."""
    path = f"{KNATIVE}/{project}/services"
    for name, tier in (("a", "web"), ("b", "web"), ("c", "job")):
        run("POST", path, manifest(name) | {"metadata": {"name": name, "labels": {"tier": tier}}})

    def names(**query: Any) -> list[str]:
        return [item["metadata"]["name"] for item in run("GET", path, **query)["items"]]

    assert names(labelSelector="tier=web") == ["a", "b"]
    assert names(labelSelector="tier!=web") == ["c"]
    assert names(labelSelector="tier in (web, x),tier notin (job)") == ["a", "b"]
    assert names(labelSelector="!tier") == []
    assert names(labelSelector=f"cloud.googleapis.com/location = {REGION}") == ["a", "b", "c"]
    page = run("GET", path, limit=2)
    assert [item["metadata"]["name"] for item in page["items"]] == ["a", "b"]
    assert names(**{"continue": page["metadata"]["continue"], "limit": 2}) == ["c"]
    everywhere = Caller("https://run.googleapis.com")
    found = everywhere("GET", f"v1/projects/{project}/locations/-/services")["items"]
    assert [item["metadata"]["name"] for item in found] == ["a", "b", "c"]
    run("GET", path, status=400, limit="x")
    run("GET", path, status=400, limit="9" * 5000)
    run("GET", path, status=400, labelSelector="a in b")
    run("GET", path, status=501, watch="true")


def test_a_dry_run_changes_nothing(run: Caller, project: str) -> None:
    """A pipeline validates first; what it validates must not be deployed by that."""
    path = f"{KNATIVE}/{project}/services"
    assert run("POST", path, manifest(), dryRun="all")["metadata"]["name"] == "hello"
    assert run("GET", path)["items"] == []
    run("POST", path, manifest())
    before = settled(run, f"{path}/hello")
    changed = copy.deepcopy(before)
    changed["metadata"]["labels"]["team"] = "a"
    answer = run("PUT", f"{path}/hello", changed, dryRun="all")
    assert answer["metadata"]["labels"]["team"] == "a"
    assert run("DELETE", f"{path}/hello", dryRun="all")["status"] == "Success"
    assert run("GET", f"{path}/hello") == before
    run("POST", path, manifest("x"), status=400, dryRun="some")


def about(**fields: Any) -> dict[str, Any]:
    return manifest() | {"metadata": {"name": "hello", **fields}}


def of_template(**fields: Any) -> dict[str, Any]:
    body = manifest()
    body["spec"]["template"]["metadata"] = fields
    return body


def of_spec(**fields: Any) -> dict[str, Any]:
    body = manifest()
    body["spec"]["template"]["spec"] |= fields
    return body


SPEC = "spec.template.spec"
WRONG: list[tuple[Any, str, str]] = [
    (manifest() | {"kind": "Pod"}, "kind", "must be 'Service'"),
    (manifest() | {"apiVersion": "v1"}, "apiVersion", "must be 'serving.knative.dev/v1'"),
    (manifest() | {"nosuch": 1}, "service", 'Unknown name "nosuch" at \'service\': Cannot find'),
    (manifest(nosuch=1), f"service.{SPEC}.containers[0]", 'Unknown name "nosuch"'),
    (manifest(image=7), f"service.{SPEC}.containers[0].image", "(TYPE_STRING), 7"),
    (manifest(env=[{"name": "PORT", "value": "1"}]), f"{SPEC}.containers[0].env", "reserved env"),
    (manifest(resources={"limits": {"cpu": "3"}}), f"{SPEC}.containers[0].resources.limits.cpu",
     "Must be equal to one of"),
    (manifest("Hello"), "metadata.name", "lower-case letters"),
    (about(namespace="another"), "metadata.namespace", "must be the project"),
    (about(annotations={"autoscaling.knative.dev/maxScale": "1"}),
     "metadata.annotations[autoscaling.knative.dev/maxScale]",
     "Annotation is not supported on resources of kind 'Service'. Supported kinds are: Revision"),
    (of_template(annotations={"autoscaling.knative.dev/minScale": "x"}),
     "spec.template.metadata.annotations[autoscaling.knative.dev/minScale]", "'x' is not a value"),
    (of_template(annotations={"autoscaling.knative.dev/minScale": "3",
                              "autoscaling.knative.dev/maxScale": "2"}),
     "spec.template.metadata.annotations[autoscaling.knative.dev/maxScale]", "min_instance_count"),
    (of_template(annotations={"autoscaling.knative.dev/maxScale": "9" * 20}),
     "spec.template.metadata.annotations[autoscaling.knative.dev/maxScale]", "is not a value"),
    (about(annotations={"run.googleapis.com/custom-audiences": "[1]"}),
     "metadata.annotations[run.googleapis.com/custom-audiences]", "'[1]' is not a value"),
    (about(annotations={"run.googleapis.com/launch-stage": "SOON"}),
     "metadata.annotations[run.googleapis.com/launch-stage]", "'SOON' is not a value"),
    (of_template(annotations={"run.googleapis.com/vpc-access-egress": "all-traffic"}),
     "spec.template.metadata.annotations[run.googleapis.com/vpc-access-egress]",
     "The run.googleapis.com/vpc-access-egress annotation cannot be set without also setting the"
     " run.googleapis.com/vpc-access-connector annotation or the"
     " run.googleapis.com/network-interfaces annotation."),
    (of_template(annotations={"run.googleapis.com/vpc-access-egress": "some"}),
     "spec.template.metadata.annotations[run.googleapis.com/vpc-access-egress]", "not a value"),
    (of_template(annotations={"run.googleapis.com/vpc-access-connector": "c",
                              "run.googleapis.com/network-interfaces": '[{"network":"default"}]'}),
     "spec.template.metadata.annotations[run.googleapis.com/vpc-access-connector]",
     "one and only one of connector and network_interfaces must be set."),
    (of_template(annotations={"run.googleapis.com/network-interfaces": '[{"network":7}]'}),
     "spec.template.metadata.annotations[run.googleapis.com/network-interfaces][0].network",
     "must be a name or"),
    (about(annotations={"run.googleapis.com/ingress": "some"}),
     "metadata.annotations[run.googleapis.com/ingress]", "'some' is not a value"),
    (about(labels={"team": None}), "service.metadata.labels[team]", "(TYPE_STRING), null"),
    (manifest() | {"spec": {"template": {"spec": {"containers": [None]}}}},
     f"service.{SPEC}.containers[0]", "google.cloud.run.v1.Container), null"),
    (of_template(name="other-1"), "spec.template.metadata.name", "prefixed by the service name"),
    (manifest() | {"spec": {}}, "spec.template", "required field not present"),
    (manifest() | {"spec": manifest()["spec"] | {"traffic": [{"percent": 100}]}},
     "spec.traffic[0]", "revisionName"),
    (manifest() | {"spec": manifest()["spec"] | {"traffic": [
        {"percent": 100, "latestRevision": True, "revisionName": "hello-1"}]}},
     "spec.traffic[0]", "not both"),
    (of_spec(containerConcurrency="²"), f"service.{SPEC}.container_concurrency", "(TYPE_INT32)"),
    (of_spec(containerConcurrency="--5"), f"service.{SPEC}.container_concurrency", "(TYPE_INT32)"),
    (of_spec(timeoutSeconds="9" * 5000), f"service.{SPEC}.timeout_seconds", "(TYPE_INT32)"),
    (about(annotations={"run.googleapis.com/custom-audiences": r'["\ud800"]'}),
     "metadata.annotations[run.googleapis.com/custom-audiences]", "is not a value"),
]  # fmt: skip


@pytest.mark.parametrize(("body", "field", "text"), WRONG, ids=[row[1] for row in WRONG])
def test_a_wrong_service_is_refused_with_its_field(
    run: Caller, project: str, body: Any, field: str, text: str
) -> None:
    """gcloud prints the field and the description; without them nobody finds the line to mend."""
    error = run("POST", f"{KNATIVE}/{project}/services", body, status=400)["error"]
    assert error["status"] == "INVALID_ARGUMENT"
    (violation,) = error["details"][0]["fieldViolations"]
    assert violation["field"] == field
    assert text in violation["description"]
    assert run("GET", f"{KNATIVE}/{project}/services")["items"] == []


NOT_SERVED: list[tuple[Any, str]] = [
    (manifest(volumeMounts=[{"name": "v", "mountPath": "/v"}]), "Container.volumeMounts"),
    (manifest(livenessProbe={"grpc": {}}), "gRPC probes"),
    (manifest(startupProbe={"tcpSocket": {}, "successThreshold": 2}),
     "startupProbe.successThreshold"),
    (manifest(resources={"limits": {"nvidia.com/gpu": "1"}}), "GPUs"),
    (manifest(env=[{"name": "S", "valueFrom": {"secretKeyRef": {"name": "s", "key": "1"}}}]),
     "EnvVar.valueSource (Secret Manager)"),
    (of_template(annotations={"run.googleapis.com/cloudsql-instances": "p:r:i"}),
     "the annotation run.googleapis.com/cloudsql-instances"),
    (of_template(annotations={"run.googleapis.com/sessionAffinity": "true"}),
     "RevisionTemplate.sessionAffinity"),
]  # fmt: skip


@pytest.mark.parametrize(("body", "what"), NOT_SERVED, ids=[row[1] for row in NOT_SERVED])
def test_what_is_not_served_is_refused_by_name(
    run: Caller, project: str, body: Any, what: str
) -> None:
    """A field that is accepted and ignored would be the worst answer."""
    error = run("POST", f"{KNATIVE}/{project}/services", body, status=501)["error"]
    assert error["message"].startswith(f"The local cloud does not serve {what}")


def test_null_and_numbers_in_quotes_are_what_googles_parser_makes_of_them(
    run: Caller, project: str
) -> None:
    """Templating tools write both; a crash, or a number that is a text, would come much later."""
    body = manifest(env=None, ports=[{"containerPort": "8080"}])
    body["spec"]["traffic"] = [{"latestRevision": True, "percent": "100"}]
    body["spec"]["template"]["metadata"] = None
    body["spec"]["template"]["spec"]["containerConcurrency"] = "5"
    made = run("POST", f"{KNATIVE}/{project}/services", body)
    assert made["spec"]["traffic"] == [{"latestRevision": True, "percent": 100}]
    spec = made["spec"]["template"]["spec"]
    assert spec["containerConcurrency"] == 5
    assert spec["containers"][0]["ports"] == [{"name": "http1", "containerPort": 8080}]


def test_a_stranger_is_refused_in_the_words_of_version_1(project: str, run: Caller) -> None:
    """The address in the message is what people search for."""
    error = run("GET", f"{KNATIVE}/nobodys-project/services", status=403)["error"]
    assert error["status"] == "PERMISSION_DENIED"
    nowhere = Caller("https://run.googleapis.com")
    error = nowhere("GET", f"{KNATIVE}/{project}/services", status=404)["error"]
    assert "LOCATION-run.googleapis.com" in error["message"]
    everywhere = f"v1/projects/{project}/locations/-/services"
    assert nowhere("POST", everywhere, manifest(), status=403)["error"]["status"] == (
        "PERMISSION_DENIED"
    )
    assert nowhere("GET", everywhere)["items"] == []
