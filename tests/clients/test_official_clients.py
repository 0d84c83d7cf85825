"""The official clients, without an endpoint or a credential: they can't tell where they are."""

from __future__ import annotations

import pytest
import requests
from google.api_core import exceptions
from google.cloud import artifactregistry_v1, run_v2, storage
from google.cloud.devtools import cloudbuild_v1
from google.iam.v1 import iam_policy_pb2, policy_pb2

from tests.clients.images import FLASK_APP, archive, request, upload
from tests.conftest import REGION, LocalCloud

HELLO = "us-docker.pkg.dev/cloudrun/container/hello"
GUNICORN = """FROM python:3.12-slim
WORKDIR /app
COPY requirements.txt ./
RUN pip install --no-cache-dir -r requirements.txt
COPY . ./
CMD exec gunicorn --bind :$PORT --workers 1 --threads 8 --timeout 0 main:app
"""
WIKI = """FROM python:3.12-slim
COPY ./requirements.txt /app/requirements.txt
WORKDIR /app
RUN pip3 install -r requirements.txt
COPY . /app
ENV FLASK_APP=main.py
CMD /usr/local/bin/flask run --host='0.0.0.0' --port=$PORT
"""


def template(image: str = HELLO, **fields: object) -> run_v2.RevisionTemplate:
    return run_v2.RevisionTemplate(containers=[run_v2.Container(image=image)], **fields)


def make_public(client: run_v2.ServicesClient, name: str) -> None:
    binding = policy_pb2.Binding(role="roles/run.invoker", members=["allUsers"])
    policy = policy_pb2.Policy(bindings=[binding])
    client.set_iam_policy(iam_policy_pb2.SetIamPolicyRequest(resource=name, policy=policy))


@pytest.mark.parametrize("transport", ["grpc", "rest"])
def test_a_service_from_creation_to_deletion(
    cloud: LocalCloud, project: str, transport: str
) -> None:
    """Everything else in the course stands on these calls."""
    client = run_v2.ServicesClient(transport=transport)
    parent = f"projects/{project}/locations/{REGION}"
    name = f"{parent}/services/hello"
    wanted = run_v2.Service(template=template(), labels={"team": "a"})
    made = client.create_service(parent=parent, service=wanted, service_id="hello").result(60)
    assert made.name == name
    assert made.terminal_condition.state == run_v2.Condition.State.CONDITION_SUCCEEDED
    assert made.urls[0].endswith(f".{REGION}.run.app")
    assert made.uri.endswith("-du.a.run.app")
    assert client.get_service(name=name) == made
    assert [service.name for service in client.list_services(parent=parent)] == [name]

    made.template.containers[0].env.append(run_v2.EnvVar(name="GREETING", value="hi"))
    changed = client.update_service(service=made).result(60)
    assert changed.generation == 2
    assert changed.latest_ready_revision != made.latest_ready_revision

    mask = {"paths": ["labels"]}
    relabelled = run_v2.Service(name=name, labels={"team": "b"})
    patched = client.update_service(service=relabelled, update_mask=mask).result(60)
    assert patched.labels == {"team": "b"}
    assert patched.template == changed.template
    assert patched.latest_ready_revision == changed.latest_ready_revision

    revisions = run_v2.RevisionsClient(transport=transport)
    assert len(list(revisions.list_revisions(parent=name))) == 2
    shown = revisions.get_revision(name=changed.latest_ready_revision)
    assert "@sha256:" in shown.containers[0].image

    make_public(client, name)
    for url in patched.urls:
        answer = requests.get(url, timeout=30)
        assert (answer.status_code, "It's running!" in answer.text) == (200, True)

    deleted = client.delete_service(name=name).result(60)
    assert deleted.delete_time > deleted.create_time
    with pytest.raises(exceptions.NotFound, match="'hello' of kind 'SERVICE'"):
        client.get_service(name=name)
    assert requests.get(made.uri, timeout=30).status_code == 404


@pytest.mark.parametrize("transport", ["grpc", "rest"])
def test_lists_come_in_pages(cloud: LocalCloud, project: str, transport: str) -> None:
    """A team with more than a page of services must see them all."""
    client = run_v2.ServicesClient(transport=transport)
    parent = f"projects/{project}/locations/{REGION}"
    ids = [f"service-{number}" for number in range(3)]
    pending = [
        client.create_service(
            parent=parent, service=run_v2.Service(template=template()), service_id=service_id
        )
        for service_id in ids
    ]
    for operation in pending:
        operation.result(60)
    pager = client.list_services(run_v2.ListServicesRequest(parent=parent, page_size=2))
    assert [len(page.services) for page in pager.pages] == [2, 1]


@pytest.mark.parametrize("dockerfile", [GUNICORN, WIKI], ids=["gunicorn", "wiki"])
def test_from_source_to_a_running_service(cloud: LocalCloud, project: str, dockerfile: str) -> None:
    """The main job, with today's Dockerfile and with the wiki's shell-form CMD."""
    registry = artifactregistry_v1.ArtifactRegistryClient()
    repositories = f"projects/{project}/locations/{REGION}"
    registry.create_repository(
        parent=repositories,
        repository_id="apps",
        repository=artifactregistry_v1.Repository(format_="DOCKER"),
    ).result(60)
    tag = f"{REGION}-docker.pkg.dev/{project}/apps/helloflask"
    files = {
        "Dockerfile": dockerfile,
        "main.py": FLASK_APP,
        "requirements.txt": "Flask\ngunicorn\n",
    }
    source = upload(project, archive(files))
    builder = cloudbuild_v1.CloudBuildClient()
    operation = builder.create_build(project_id=project, build=request(source, tag))
    built = operation.result(timeout=180)
    assert built.status == cloudbuild_v1.Build.Status.SUCCESS
    assert builder.get_build(project_id=project, id=built.id) == built
    assert [build.id for build in builder.list_builds(project_id=project)] == [built.id]
    digest = built.results.images[0].digest
    images = list(registry.list_docker_images(parent=f"{repositories}/repositories/apps"))
    assert [image.uri for image in images] == [f"{tag}@{digest}"]

    bucket = built.logs_bucket.removeprefix("gs://")
    log = storage.Client(project=project).bucket(bucket).blob(f"log-{built.id}.txt")
    text = log.download_as_text()
    assert text.startswith(f'starting build "{built.id}"\n\nFETCHSOURCE\n')
    assert text.endswith("DONE\n")

    client = run_v2.ServicesClient()
    service = client.create_service(
        parent=repositories,
        service=run_v2.Service(template=template(tag), invoker_iam_disabled=True),
        service_id="helloflask",
    ).result(90)
    answer = requests.get(service.uri, timeout=60)
    assert (answer.status_code, answer.text) == (200, "hello from helloflask\n")
