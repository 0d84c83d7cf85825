"""``localcloud exec``: a stranger's script and Debian's skopeo, neither of which knows of it."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

import pytest
from google.cloud import artifactregistry_v1

from tests.clients.images import build
from tests.conftest import LocalCloud, access_token

SCRIPT = """
import sys
from google.cloud import artifactregistry_v1, run_v2, storage
from google.cloud.devtools import cloudbuild_v1

project = sys.argv[1]
parent = f"projects/{project}/locations/us-central1"
image = "us-docker.pkg.dev/cloudrun/container/hello"
for transport in ("grpc", "rest"):
    client = run_v2.ServicesClient(transport=transport)
    template = run_v2.RevisionTemplate(containers=[run_v2.Container(image=image)])
    name = f"{parent}/services/script-{transport}"
    service = run_v2.Service(template=template)
    client.create_service(
        parent=parent, service=service, service_id=f"script-{transport}"
    ).result(60)
    assert client.get_service(name=name).name == name
    assert [one.name for one in client.list_services(parent=parent)] == [name]
    patch = run_v2.Service(name=name, labels={"by": "script"})
    client.update_service(service=patch, update_mask={"paths": ["labels"]}).result(60)
    assert client.get_service(name=name).labels["by"] == "script"
    client.delete_service(name=name).result(60)
    assert list(client.list_services(parent=parent)) == []
bucket = storage.Client().create_bucket(f"{project}-script")
bucket.blob("a/b.txt").upload_from_string("hello")
assert [blob.name for blob in bucket.list_blobs()] == ["a/b.txt"]
assert list(cloudbuild_v1.CloudBuildClient().list_builds(project_id=project)) == []
registry = artifactregistry_v1.ArtifactRegistryClient()
assert list(registry.list_repositories(parent=parent)) == []
print("done")
"""


def test_a_script_without_endpoints_or_credentials(
    cloud: LocalCloud, project: str, tmp_path: Path
) -> None:
    """What a team has already written for Google must run unchanged."""
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    done = cloud.localcloud("exec", "--", sys.executable, str(script), project)
    assert (done.returncode, done.stdout) == (0, "done\n"), done.stderr


def test_skopeo_reads_a_built_image(cloud: LocalCloud, project: str) -> None:
    """A registry that only its own client can read is none."""
    if shutil.which("skopeo") is None:
        pytest.skip("skopeo is not installed: make setup-ci")
    image = build(project, "read", 'FROM scratch\nCOPY . /\nLABEL made=here\nCMD ["/app"]\n')
    credentials = f"oauth2accesstoken:{access_token()}"
    done = cloud.localcloud(
        "exec", "--", "skopeo", "inspect", "--creds", credentials, f"docker://{image}"
    )
    assert done.returncode == 0, done.stderr
    shown = json.loads(done.stdout)
    assert (shown["Architecture"], shown["Labels"]) == ("amd64", {"made": "here"})
    client = artifactregistry_v1.ArtifactRegistryClient()
    parent = f"projects/{project}/locations/us/repositories/gcr.io"
    assert [one.uri.rpartition("@")[2] for one in client.list_docker_images(parent=parent)] == [
        shown["Digest"]
    ]
