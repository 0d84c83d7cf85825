"""Which APIs are switched on in a project, as Service Usage knows it.

Titles and the refusal's text: recorded answers of Service Usage and Cloud Run, from
https://github.com/GoogleCloudPlatform/gcpdiag and
https://github.com/GoogleCloudPlatform/emblem/issues/757 (2023-01).
"""

from __future__ import annotations

from ..errors import GoogleError, error_info
from ..store import Store

KIND = "disabled_service"

TITLES = {
    "artifactregistry.googleapis.com": "Artifact Registry API",
    "cloudbuild.googleapis.com": "Cloud Build API",
    "cloudresourcemanager.googleapis.com": "Cloud Resource Manager API",
    "containerregistry.googleapis.com": "Container Registry API",
    "dns.googleapis.com": "Cloud DNS API",
    "iam.googleapis.com": "Identity and Access Management (IAM) API",
    "iamcredentials.googleapis.com": "IAM Service Account Credentials API",
    "logging.googleapis.com": "Cloud Logging API",
    "run.googleapis.com": "Cloud Run Admin API",
    "serviceusage.googleapis.com": "Service Usage API",
    "siteverification.googleapis.com": "Google Site Verification API",
    "storage.googleapis.com": "Cloud Storage API",
    "storage-api.googleapis.com": "Google Cloud Storage JSON API",
    "storage-component.googleapis.com": "Cloud Storage",
}
"""Every API that is served. All are on in every project from the start."""

SWITCH = "serviceusage.googleapis.com"
"""Answers even where it is off, or nothing could be switched on again."""


class Services:
    """The switches of all projects. ``project`` is a project id everywhere."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def is_on(self, project: str, service: str) -> bool:
        """Whether an API is switched on."""
        return service in TITLES and self._store.get(KIND, f"{project}/{service}") is None

    def switch(self, project: str, service: str, *, on: bool) -> None:
        """Switches a served API on or off."""
        if on:
            self._store.delete(KIND, f"{project}/{service}")
        else:
            self._store.put(KIND, f"{project}/{service}", {})

    def require(self, project: str, number: str, service: str) -> None:
        """Raises GoogleError PERMISSION_DENIED if the API was switched off."""
        if service not in TITLES or service == SWITCH or self.is_on(project, service):
            return
        url = f"https://console.developers.google.com/apis/api/{service}/overview?project={number}"
        raise GoogleError(
            "PERMISSION_DENIED",
            f"{TITLES[service]} has not been used in project {number} before or it is disabled."
            f" Enable it by visiting {url} then retry. If you enabled this API recently, wait a"
            " few minutes for the action to propagate to our systems and retry.",
            [
                {
                    "@type": "type.googleapis.com/google.rpc.Help",
                    "links": [
                        {"description": "Google developers console API activation", "url": url}
                    ],
                },
                error_info(
                    "SERVICE_DISABLED",
                    "googleapis.com",
                    consumer=f"projects/{number}",
                    service=service,
                ),
            ],
        )
