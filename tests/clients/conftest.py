"""An app with every habit that a front door meets, built once for the tests that deploy it."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from google.cloud import run_v2

from tests.clients.images import build
from tests.conftest import REGION, LocalCloud

APP = Path(__file__).parents[1] / "frontdoor" / "app.py"
DOCKERFILE = """FROM python:3.12-slim
COPY app.py /app.py
ENV LISTEN=8080 HOST=0.0.0.0 PYTHONUNBUFFERED=1
CMD ["python", "/app.py"]
"""
PROJECT = "hands-on"
PARENT = f"projects/{PROJECT}/locations/{REGION}"
_numbers = count(1)


@pytest.fixture(scope="session")
def app(cloud: LocalCloud) -> str:
    """The app's image; ``/revision`` answers with the name of the revision."""
    return build(PROJECT, "habits", DOCKERFILE, {"app.py": APP.read_text()})


@dataclass
class Deployed:
    """A service of the app, and what a user does with it through the official client."""

    image: str
    id: str
    client: run_v2.ServicesClient

    @property
    def name(self) -> str:
        return f"{PARENT}/services/{self.id}"

    def get(self) -> run_v2.Service:
        return self.client.get_service(name=self.name)

    def template(
        self, revision: str = "", env: dict[str, str] | None = None, **fields: object
    ) -> run_v2.RevisionTemplate:
        variables = [run_v2.EnvVar(name=name, value=value) for name, value in (env or {}).items()]
        container = run_v2.Container(image=self.image, env=variables)
        chosen = f"{self.id}-{revision}" if revision else ""
        return run_v2.RevisionTemplate(containers=[container], revision=chosen, **fields)

    def create(self, revision: str = "", **template: Any) -> run_v2.Service:
        service = run_v2.Service(
            template=self.template(revision, **template), invoker_iam_disabled=True
        )
        operation = self.client.create_service(parent=PARENT, service=service, service_id=self.id)
        return operation.result(60)

    def update(self, *paths: str, **fields: object) -> run_v2.Service:
        """Changes the fields that are given, and no others."""
        service = run_v2.Service(name=self.name, **fields)
        mask = {"paths": [*paths, *fields]}
        return self.client.update_service(service=service, update_mask=mask).result(60)

    def revision(self, short: str) -> run_v2.Revision:
        return run_v2.RevisionsClient().get_revision(name=f"{self.name}/revisions/{short}")

    def revisions(self) -> list[str]:
        found = run_v2.RevisionsClient().list_revisions(parent=self.name)
        return [revision.name.rpartition("/")[2] for revision in found]


@pytest.fixture
def service(app: str) -> Deployed:
    """A service that has not been made yet; its name is its own."""
    return Deployed(app, f"habits-{next(_numbers)}", run_v2.ServicesClient())
