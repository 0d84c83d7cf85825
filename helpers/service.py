"""A Cloud Run service: deploy it, find its address, call it, delete it.

A service is known by its full name, ``projects/PROJECT/locations/REGION/services/NAME``.
"""

from __future__ import annotations

from collections.abc import Mapping

import requests
from google.api_core.exceptions import NotFound
from google.cloud import run_v2

DEPLOY_SECONDS = 600
"""How long a deployment may take. Cloud Run gives a container four minutes to start listening.

Source: https://docs.cloud.google.com/run/docs/container-contract (2026-04-08)
"""

CALL_SECONDS = 60


def deploy(name: str, image: str, labels: Mapping[str, str]) -> run_v2.Service:
    """Deploy ``image`` as the service ``name``, new or already there; return it when it is ready.

    Args:
        name: the full name of the service.
        image: the container image to run.
        labels: what the service is labelled with.

    Raises:
        google.api_core.exceptions.GoogleAPICallError: Google refused, or the container did not
            start; the text says why.
    """
    container = run_v2.Container(image=image)
    template = run_v2.RevisionTemplate(containers=[container])
    service = run_v2.Service(name=name, labels=labels, template=template)
    operation = run_v2.ServicesClient().update_service(
        run_v2.UpdateServiceRequest(service=service, allow_missing=True)
    )
    return operation.result(timeout=DEPLOY_SECONDS)


def url(name: str) -> str:
    """Return the address of the service ``name``.

    Raises:
        google.api_core.exceptions.NotFound: there is no such service.
    """
    return str(run_v2.ServicesClient().get_service(name=name).uri)


def call(url: str, token: str = "") -> requests.Response:
    """Send a GET request and return the answer, whatever its status.

    Args:
        url: the address to call.
        token: shown to the server in the ``Authorization`` header; none by default.
    """
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    return requests.get(url, headers=headers, timeout=CALL_SECONDS)


def delete(name: str) -> bool:
    """Delete the service ``name`` with all its revisions; return whether there was one."""
    try:
        run_v2.ServicesClient().delete_service(name=name).result(timeout=DEPLOY_SECONDS)
    except NotFound:
        return False
    return True
