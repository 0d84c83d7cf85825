"""What tests with a cloud of their own share: the app with all habits, built there."""

from __future__ import annotations

from typing import Any

from tests.clients.conftest import APP, DOCKERFILE, PROJECT
from tests.clients.images import archive
from tests.conftest import eventually
from tests.faults.client import Client


def finish(client: Client, url: str) -> dict[str, Any]:
    done: dict[str, Any] = eventually(lambda: client.call("GET", url), lambda op: op.get("done"))
    assert "error" not in done, done
    return done


def built(client: Client) -> str:
    storage, build = "https://storage.googleapis.com", "https://cloudbuild.googleapis.com/v1"
    client.call("POST", f"{storage}/storage/v1/b?project={PROJECT}", json={"name": "tokens"})
    data = archive({"Dockerfile": DOCKERFILE, "app.py": APP.read_text()})
    url = f"{storage}/upload/storage/v1/b/tokens/o?uploadType=media&name=app.tgz"
    client.call("POST", url, data=data)
    image = f"gcr.io/{PROJECT}/habits"
    step = {"name": "gcr.io/cloud-builders/docker", "args": ["build", "-t", image, "."]}
    source = {"storageSource": {"bucket": "tokens", "object": "app.tgz"}}
    body = {"source": source, "steps": [step], "images": [image]}
    operation = client.call("POST", f"{build}/projects/{PROJECT}/builds", json=body)
    finish(client, f"{build}/{operation['name']}")
    return image
