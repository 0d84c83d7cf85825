"""The roles that this cloud knows, as patterns of permissions.

Source: the answers of Google's roles API as https://github.com/iann0036/iam-dataset keeps them
(``gcp/roles``, read 2026-11-24). Permissions of products that are not here are left out; the basic
roles are written as patterns. That project owners and editors may call every Cloud Run service is
also said by https://docs.cloud.google.com/run/docs/securing/managing-access (2026-11-24).
"""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import lru_cache

PROJECT_READ = ("resourcemanager.projects.get", "resourcemanager.projects.list")
TOKENS = (
    "iam.serviceAccounts.getAccessToken",
    "iam.serviceAccounts.getOpenIdToken",
    "iam.serviceAccounts.implicitDelegation",
    "iam.serviceAccounts.signBlob",
    "iam.serviceAccounts.signJwt",
)
"""Not even the owner of a project holds these without a role that names them."""

RUN_READ = (
    "run.configurations.get", "run.configurations.list", "run.executions.get",
    "run.executions.list", "run.jobs.get", "run.jobs.getIamPolicy", "run.jobs.list",
    "run.locations.list", "run.operations.get", "run.operations.list", "run.revisions.get",
    "run.revisions.list", "run.routes.get", "run.routes.list", "run.services.get",
    "run.services.getIamPolicy", "run.services.list", "run.tasks.get", "run.tasks.list",
    "run.workerpools.get", "run.workerpools.getIamPolicy", "run.workerpools.list",
)  # fmt: skip
RUN_WRITE = (
    "run.executions.cancel", "run.executions.delete", "run.jobs.create", "run.jobs.delete",
    "run.jobs.run", "run.jobs.runWithOverrides", "run.jobs.update", "run.operations.delete",
    "run.revisions.delete", "run.routes.invoke", "run.services.create", "run.services.delete",
    "run.services.update", "run.workerpools.create", "run.workerpools.delete",
    "run.workerpools.update",
)  # fmt: skip
REGISTRY_READ = (
    "artifactregistry.dockerimages.get", "artifactregistry.dockerimages.list",
    "artifactregistry.files.get", "artifactregistry.files.list",
    "artifactregistry.locations.get", "artifactregistry.locations.list",
    "artifactregistry.packages.get", "artifactregistry.packages.list",
    "artifactregistry.projectsettings.get", "artifactregistry.repositories.downloadArtifacts",
    "artifactregistry.repositories.get", "artifactregistry.repositories.list",
    "artifactregistry.tags.get", "artifactregistry.tags.list",
    "artifactregistry.versions.get", "artifactregistry.versions.list",
)  # fmt: skip
REGISTRY_WRITE = (
    "artifactregistry.repositories.uploadArtifacts",
    "artifactregistry.tags.create",
    "artifactregistry.tags.update",
)
OBJECTS_READ = ("storage.objects.get", "storage.objects.list")


@dataclass(frozen=True)
class Role:
    """What a role grants: patterns with ``*``, less those in ``without``."""

    grants: tuple[str, ...]
    without: tuple[str, ...] = ()

    def holds(self, permission: str) -> bool:
        """Whether the role contains a permission."""
        return _holds(self, permission)


@lru_cache(4096)
def _holds(role: Role, permission: str) -> bool:
    # Asked for every request to a service, and always about the same few pairs.
    return any(fnmatchcase(permission, pattern) for pattern in role.grants) and not any(
        fnmatchcase(permission, pattern) for pattern in role.without
    )


ROLES = {
    "roles/owner": Role(("*",), without=TOKENS),
    "roles/editor": Role(
        ("*",),
        without=(
            *TOKENS, "*.setIamPolicy", "resourcemanager.projects.delete",
            "logging.privateLogEntries.*",
        ),
    ),
    "roles/viewer": Role(
        ("*.get", "*.list", "*.getIamPolicy", "artifactregistry.repositories.downloadArtifacts"),
        without=("logging.privateLogEntries.*",),
    ),
    "roles/browser": Role((*PROJECT_READ, "resourcemanager.projects.getIamPolicy")),
    # The only roles that map domains are those of a project's editors and owners.
    "roles/run.admin": Role((*PROJECT_READ, "run.*"), without=("run.domainmappings.*",)),
    "roles/run.developer": Role((*PROJECT_READ, *RUN_READ, *RUN_WRITE)),
    "roles/run.viewer": Role((*PROJECT_READ, *RUN_READ)),
    "roles/run.invoker": Role(("run.routes.invoke",)),
    "roles/run.builder": Role(
        (
            "artifactregistry.repositories.deleteArtifacts",
            "artifactregistry.repositories.downloadArtifacts",
            "artifactregistry.repositories.uploadArtifacts",
            "logging.logEntries.create", "source.repos.get", "storage.objects.get",
        )
    ),
    "roles/run.serviceAgent": Role(
        (
            *PROJECT_READ, *REGISTRY_READ, *OBJECTS_READ, "iam.serviceAccounts.actAs",
            "iam.serviceAccounts.getAccessToken", "iam.serviceAccounts.getOpenIdToken",
            "iam.serviceAccounts.signBlob", "logging.logEntries.create", "run.routes.invoke",
        )
    ),
    "roles/artifactregistry.reader": Role(REGISTRY_READ),
    "roles/artifactregistry.writer": Role((*REGISTRY_READ, *REGISTRY_WRITE)),
    "roles/artifactregistry.createOnPushWriter": Role(
        (*REGISTRY_READ, *REGISTRY_WRITE, "artifactregistry.repositories.createOnPush")
    ),
    "roles/artifactregistry.repoAdmin": Role(
        (
            *REGISTRY_READ, *REGISTRY_WRITE, "artifactregistry.files.delete",
            "artifactregistry.files.download", "artifactregistry.packages.delete",
            "artifactregistry.repositories.deleteArtifacts", "artifactregistry.tags.delete",
            "artifactregistry.versions.delete",
        )
    ),
    "roles/artifactregistry.admin": Role(("artifactregistry.*",)),
    "roles/storage.admin": Role((*PROJECT_READ, "storage.*")),
    "roles/storage.objectAdmin": Role(
        (*PROJECT_READ, "storage.objects.*", "storage.folders.*", "storage.managedFolders.*",
         "storage.multipartUploads.*")
    ),
    "roles/storage.objectViewer": Role((*PROJECT_READ, *OBJECTS_READ)),
    "roles/storage.objectCreator": Role(
        (*PROJECT_READ, "storage.objects.create", "storage.multipartUploads.abort",
         "storage.multipartUploads.create", "storage.multipartUploads.listParts")
    ),
    "roles/storage.legacyBucketReader": Role(("storage.buckets.get", "storage.objects.list")),
    "roles/storage.legacyBucketWriter": Role(
        ("storage.buckets.get", "storage.objects.create", "storage.objects.delete",
         "storage.objects.list")
    ),
    "roles/storage.legacyBucketOwner": Role(
        ("storage.buckets.get", "storage.buckets.getIamPolicy", "storage.buckets.setIamPolicy",
         "storage.buckets.update", "storage.objects.create", "storage.objects.delete",
         "storage.objects.list")
    ),
    "roles/storage.legacyObjectReader": Role(("storage.objects.get",)),
    "roles/storage.legacyObjectOwner": Role(
        ("storage.objects.get", "storage.objects.getIamPolicy", "storage.objects.setIamPolicy",
         "storage.objects.update")
    ),
    "roles/cloudbuild.builds.editor": Role((*PROJECT_READ, "cloudbuild.builds.*")),
    "roles/cloudbuild.builds.viewer": Role(
        (*PROJECT_READ, "cloudbuild.builds.get", "cloudbuild.builds.list")
    ),
    "roles/cloudbuild.builds.builder": Role(
        (
            *PROJECT_READ, *REGISTRY_READ, *REGISTRY_WRITE, *OBJECTS_READ,
            "cloudbuild.builds.*", "cloudbuild.workerpools.use",
            "logging.logEntries.create", "logging.logEntries.list",
            "logging.privateLogEntries.list", "logging.views.access",
            "storage.buckets.create", "storage.buckets.get", "storage.buckets.list",
            "storage.objects.create", "storage.objects.delete", "storage.objects.update",
        )
    ),
    "roles/dns.admin": Role(
        (*PROJECT_READ, "compute.networks.get", "compute.networks.list", "dns.*")
    ),
    "roles/dns.reader": Role(("compute.networks.get", "dns.*.get", "dns.*.list")),
    "roles/iam.serviceAccountUser": Role(
        (*PROJECT_READ, "iam.serviceAccounts.actAs", "iam.serviceAccounts.get",
         "iam.serviceAccounts.list")
    ),
    "roles/iam.serviceAccountTokenCreator": Role(
        (*PROJECT_READ, *TOKENS, "iam.serviceAccounts.get", "iam.serviceAccounts.list")
    ),
    "roles/iam.serviceAccountOpenIdTokenCreator": Role(("iam.serviceAccounts.getOpenIdToken",)),
    "roles/iam.serviceAccountAdmin": Role(
        (*PROJECT_READ, "iam.serviceAccounts.*"), without=(*TOKENS, "iam.serviceAccounts.actAs")
    ),
    "roles/iam.serviceAccountKeyAdmin": Role(
        (*PROJECT_READ, "iam.serviceAccountKeys.*", "iam.serviceAccounts.get",
         "iam.serviceAccounts.list")
    ),
    "roles/logging.admin": Role(("resourcemanager.projects.get", "logging.*")),
    "roles/logging.viewer": Role(
        ("resourcemanager.projects.get", "logging.*.get", "logging.*.list"),
        without=("logging.privateLogEntries.*",),
    ),
    "roles/logging.logWriter": Role(("logging.logEntries.create", "logging.logEntries.route")),
    "roles/serviceusage.serviceUsageAdmin": Role(("serviceusage.*",)),
    "roles/serviceusage.serviceUsageConsumer": Role(
        ("serviceusage.services.get", "serviceusage.services.list", "serviceusage.services.use")
    ),
    "roles/serviceusage.serviceUsageViewer": Role(
        ("serviceusage.services.get", "serviceusage.services.list")
    ),
}  # fmt: skip

_BASIC = {"roles/owner", "roles/editor", "roles/viewer"}
_GRANTED_ON = {
    "run": "services",
    "dns": "managedZones",
    "artifactregistry": "repositories",
    "storage": "buckets",
    "iam": "serviceAccounts",
}
"""The resources, beside projects, on which a product's roles are granted."""


def is_supported(role: str, collection: str) -> bool:
    """Whether a role can be granted on a resource of a collection, such as ``services``."""
    if role not in ROLES:
        return False
    product = role.removeprefix("roles/").partition(".")[0]
    return collection == "projects" or role in _BASIC or _GRANTED_ON.get(product) == collection
