"""What the examples of ``gcloud help`` take for granted: each function makes one such thing.

A preparation may be asked for again and leaves alone what is there already. It returns the
placeholders of an example that have no fixed value. ``folder`` is where the example runs.
"""

from __future__ import annotations

import io
import json
import os
import subprocess
import zipfile
from contextlib import suppress
from pathlib import Path

import requests
from google.api_core import exceptions
from google.cloud import artifactregistry_v1, iam_admin_v1, run_v2, storage
from google.cloud.devtools import cloudbuild_v1
from google.iam.v1 import policy_pb2

from tests.clients.images import archive, request, upload
from tests.conftest import access_token, eventually
from tests.registry.images import Registry, signed_in, small

PROJECT = "my-project"
RUN_REGION = "us-central1"
LOCATION = "us-west1"
HELLO = "us-docker.pkg.dev/cloudrun/container/hello"
LEARNER = "learner@example.com"
EMPTY_IMAGE = {"Dockerfile": "FROM scratch\nCOPY Dockerfile /\n"}

Placeholders = dict[str, str]


def projects(folder: Path) -> Placeholders:
    """The projects that the examples name."""
    url = "https://cloudresourcemanager.googleapis.com/v1/projects"
    headers = {"Authorization": f"Bearer {access_token()}"}
    for project in (PROJECT, "myproject", "example-foo-bar-1"):
        answer = requests.post(url, json={"projectId": project}, headers=headers, timeout=30)
        assert answer.status_code in (200, 409), answer.text
    return {}


# Accounts


def _email(account_id: str) -> str:
    return f"{account_id}@{PROJECT}.iam.gserviceaccount.com"


def account(folder: Path) -> Placeholders:
    """A service account."""
    with suppress(exceptions.AlreadyExists):
        iam_admin_v1.IAMClient().create_service_account(
            request={"name": f"projects/{PROJECT}", "account_id": "my-iam-account"}
        )
    return {"test-proj1@example.domain.com": _email("my-iam-account")}


def no_account(folder: Path) -> Placeholders:
    """No service account of the name that an example gives to a new one."""
    name = f"projects/{PROJECT}/serviceAccounts/{_email('some-account-name')}"
    with suppress(exceptions.NotFound):
        iam_admin_v1.IAMClient().delete_service_account(request={"name": name})
    return {}


def key(folder: Path) -> Placeholders:
    """A key file of a service account."""
    account(folder)
    email = _email("my-iam-account")
    name = f"projects/{PROJECT}/serviceAccounts/{email}"
    made = iam_admin_v1.IAMClient().create_service_account_key(request={"name": name})
    file = folder / "key.json"
    file.write_bytes(made.private_key_data)
    return {"SERVICE_ACCOUNT@DOMAIN.COM": email, "/path/key.json": str(file)}


def activated(folder: Path) -> Placeholders:
    """A service account that gcloud has the key of."""
    key(folder)
    subprocess.run(
        ["gcloud", "auth", "activate-service-account", "--key-file=key.json"],
        cwd=folder,
        env={**os.environ, "CLOUDSDK_CONFIG": str(folder / ".config" / "gcloud")},
        check=True,
        capture_output=True,
    )
    return {"foo@example.com": _email("my-iam-account")}


def impersonated(folder: Path) -> Placeholders:
    """A service account that the learner may make tokens of."""
    account(folder)
    client = iam_admin_v1.IAMClient()
    email = _email("my-iam-account")
    resource = f"projects/{PROJECT}/serviceAccounts/{email}"
    role = "roles/iam.serviceAccountTokenCreator"
    binding = policy_pb2.Binding(role=role, members=[f"user:{LEARNER}"])
    policy = policy_pb2.Policy(bindings=[binding])
    client.set_iam_policy(request={"resource": resource, "policy": policy})
    return {"my-account@example.iam.gserviceaccount.com": email}


# Builds


def zipped_source(folder: Path) -> Placeholders:
    """A zipped source in a bucket."""
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as packed:
        for name, content in EMPTY_IMAGE.items():
            packed.writestr(name, content)
    _bucket("bucket").blob("object.zip").upload_from_string(data.getvalue())
    return {}


def packed_source(folder: Path) -> Placeholders:
    """A packed source on this machine."""
    (folder / "source.tgz").write_bytes(archive(EMPTY_IMAGE))
    return {}


def build_config(folder: Path) -> Placeholders:
    """A build configuration on this machine."""
    step = {"name": "gcr.io/cloud-builders/docker", "args": ["build", "."]}
    for name in ("config.yaml", "cloudbuild.yaml"):
        (folder / name).write_text(json.dumps({"steps": [step]}))
    return {}


def build(folder: Path) -> Placeholders:
    """A build that has succeeded."""
    source = upload(PROJECT, archive(EMPTY_IMAGE))
    wanted = request(source, f"gcr.io/{PROJECT}/image")
    client = cloudbuild_v1.CloudBuildClient()
    made = client.create_build(project_id=PROJECT, build=wanted).result(timeout=120)
    return {"123-456-789": made.id, "987-654-321": made.id}


def working_build(folder: Path) -> Placeholders:
    """A build that goes on until it is cancelled."""
    dockerfile = "FROM python:3.12-slim\nRUN sleep 600\n"
    source = upload(PROJECT, archive({"Dockerfile": dockerfile}))
    client = cloudbuild_v1.CloudBuildClient()
    operation = client.create_build(
        project_id=PROJECT, build=request(source, f"gcr.io/{PROJECT}/image")
    )
    build_id = operation.metadata.build.id
    eventually(
        lambda: client.get_build(project_id=PROJECT, id=build_id).status,
        lambda status: status == cloudbuild_v1.Build.Status.WORKING,
    )
    return {"123-456-789": build_id}


# Services


def _service(name: str, *revisions: str) -> None:
    """A service with these revisions, unless it is there already."""
    client = run_v2.ServicesClient()
    parent = f"projects/{PROJECT}/locations/{RUN_REGION}"
    for number, revision in enumerate(revisions):
        container = run_v2.Container(image=HELLO, env=[{"name": "N", "value": str(number)}])
        template = run_v2.RevisionTemplate(containers=[container], revision=f"{name}-{revision}")
        service = run_v2.Service(template=template)
        if number == 0:
            try:
                client.create_service(parent=parent, service=service, service_id=name).result(60)
            except exceptions.AlreadyExists:
                return
        else:
            service.name = f"{parent}/services/{name}"
            client.update_service(service=service, update_mask={"paths": ["template"]}).result(60)


def service(folder: Path) -> Placeholders:
    """A service with one revision."""
    _service("my-service", "00001-abc")
    return {}


def split_service(folder: Path) -> Placeholders:
    """A service whose requests are divided among two revisions."""
    _service("myservice", "s5sxn", "cp9kw")
    kind = run_v2.TrafficTargetAllocationType.TRAFFIC_TARGET_ALLOCATION_TYPE_REVISION
    split = run_v2.Service(
        name=f"projects/{PROJECT}/locations/{RUN_REGION}/services/myservice",
        traffic=[
            run_v2.TrafficTarget(type_=kind, revision=f"myservice-{each}", percent=50)
            for each in ("s5sxn", "cp9kw")
        ],
    )
    client = run_v2.ServicesClient()
    client.update_service(service=split, update_mask={"paths": ["traffic"]}).result(60)
    return {}


def old_revision(folder: Path) -> Placeholders:
    """A revision that serves nobody."""
    _service("old-service", "00001-old", "00002-new")
    return {"<revision-name>": "old-service-00001-old"}


def service_file(folder: Path) -> Placeholders:
    """A service in a file."""
    (folder / "myservice.yaml").write_text(
        "apiVersion: serving.knative.dev/v1\n"
        "kind: Service\n"
        "metadata: {name: replaced}\n"
        f"spec: {{template: {{spec: {{containers: [{{image: {HELLO}}}]}}}}}}\n"
    )
    return {}


# Images


def _repository(name: str, location: str = LOCATION) -> None:
    repository = artifactregistry_v1.Repository(format_="DOCKER")
    with suppress(exceptions.AlreadyExists):
        artifactregistry_v1.ArtifactRegistryClient().create_repository(
            parent=f"projects/{PROJECT}/locations/{location}",
            repository_id=name,
            repository=repository,
        ).result(30)


def repositories(folder: Path) -> Placeholders:
    """Two repositories."""
    _repository("my-repo")
    _repository("my-repository")
    return {}


def no_repository(folder: Path) -> Placeholders:
    """No repository of the name that an example gives to a new one."""
    name = f"projects/{PROJECT}/locations/{LOCATION}/repositories/my-repo"
    with suppress(exceptions.NotFound):
        artifactregistry_v1.ArtifactRegistryClient().delete_repository(name=name).result(30)
    return {}


def _busy_box() -> Registry:
    _repository("my-repository")
    return signed_in(f"{LOCATION}-docker.pkg.dev", f"{PROJECT}/my-repository/busy-box")


def busy_box(folder: Path) -> Placeholders:
    """An image with two tags."""
    image = small("busy box")
    registry = _busy_box()
    for tag in ("my-tag", "latest"):
        registry.push(image, tag)
    return {"abcxyz": image.digest.removeprefix("sha256:")}


def busy_box_without_tags(folder: Path) -> Placeholders:
    """An image without a tag."""
    image = small("without tags")
    _busy_box().push(image, image.digest)
    return {"abcxyz": image.digest.removeprefix("sha256:")}


def busy_box_with_one_tag(folder: Path) -> Placeholders:
    """An image with one tag."""
    _busy_box().push(small("with one tag"), "my-tag")
    return {}


def central_busy_box(folder: Path) -> Placeholders:
    """An image in another region."""
    _repository("my-repo", "us-central1")
    registry = signed_in("us-central1-docker.pkg.dev", f"{PROJECT}/my-repo/busy-box")
    registry.push(small("central"), "latest")
    return {}


def myimage(folder: Path) -> Placeholders:
    """An image with tags, and one without any, at an address of gcr.io."""
    registry = signed_in("gcr.io", "myproject/myimage")
    image, untagged = small("myimage"), small("untagged")
    for tag in ("tag", "mytag1", "latest"):
        registry.push(image, tag)
    registry.push(untagged, untagged.digest)
    return {
        "@digest": f"@{image.digest}",
        "sha256:digest": image.digest,
        "@DIGEST": f"@{untagged.digest}",
        "[IMAGE]": "myimage",
        "<IMAGE_NAME>": "gcr.io/myproject/myimage",
    }


def image_with_one_tag(folder: Path) -> Placeholders:
    """An image whose only tag is the one that an example names."""
    signed_in("gcr.io", "myproject/single").push(small("single"), "latest")
    return {"<IMAGE_NAME>": "gcr.io/myproject/single"}


def image_named_test_project(folder: Path) -> Placeholders:
    """An image of the default project."""
    signed_in("gcr.io", f"{PROJECT}/test-project").push(small("test-project"), "latest")
    return {}


# Files


def _bucket(name: str) -> storage.Bucket:
    client = storage.Client(project=PROJECT)
    with suppress(exceptions.Conflict):
        client.create_bucket(name)
    return client.bucket(name)


def objects(folder: Path) -> Placeholders:
    """Two buckets with objects."""
    mine = _bucket("my-bucket")
    names = ("log1.txt", "my-object", "my-dir/a", "my-dir/sub/b", "deep/c.txt", "deep/dir")
    for name in names:
        mine.blob(name).upload_from_string(name)
    mine.blob("file.txt").upload_from_string("0123456789" * 100)
    _bucket("bucket").blob("first.txt").upload_from_string("the first text\n")
    return {"some_program": "echo 'gs://my-bucket/*.txt'"}


def no_buckets(folder: Path) -> Placeholders:
    """No buckets of the names that an example gives to new ones."""
    client = storage.Client(project=PROJECT)
    for name in ("my-bucket", "my-other-bucket"):
        with suppress(exceptions.NotFound):
            client.bucket(name).delete(force=True)
    return {}


def files(folder: Path) -> Placeholders:
    """Files and folders on this machine."""
    (folder / "a.txt").write_text("a text\n")
    for place in (folder, folder / "Downloads" / "new"):
        (place / "dir").mkdir(parents=True)
        (place / "dir" / "inside.txt").write_text("a text\n")
    return {}
