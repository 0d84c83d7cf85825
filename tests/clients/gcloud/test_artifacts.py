"""``gcloud artifacts`` and its elder, ``gcloud container images``."""

from __future__ import annotations

import pytest
from google.api_core import exceptions
from google.cloud import artifactregistry_v1

from tests.clients.gcloud.conftest import Gcloud
from tests.clients.gcloud.seen import digest
from tests.clients.gcloud.table import NO_PROJECT, Names, Row, play
from tests.conftest import REGION
from tests.registry.images import signed_in, small

NOT_FOUND = "NOT_FOUND: Requested entity was not found. {authenticated}."


def test_repositories(gcloud: Gcloud, project: str) -> None:
    """A repository has to be there before the first push."""
    client = artifactregistry_v1.ArtifactRegistryClient()

    def repository(names: Names) -> artifactregistry_v1.Repository:
        name = f"projects/{project}/locations/{REGION}/repositories/web"
        return client.get_repository(name=name)

    def is_gone(names: Names) -> bool:
        with pytest.raises(exceptions.NotFound):
            repository(names)
        return True

    create = "artifacts repositories create web --repository-format=docker --location={region}"
    waiting = "Waiting for operation [projects/{project}/locations/{region}/operations/"
    header = (
        "REPOSITORY FORMAT MODE DESCRIPTION LOCATION LABELS ENCRYPTION CREATE_TIME UPDATE_TIME"
        " SIZE (MB)"
    )
    rows = [
        Row(
            f'{create} --description="The web"',
            says=f"""
            Create request issued for: [web]
            {waiting}<first>] to complete...
            done.
            Created repository [web].
            """,
            effect=lambda names: repository(names).description == "The web",
        ),
        Row(
            create,
            says="ERROR: (gcloud.artifacts.repositories.create) ALREADY_EXISTS: the repository"
            " already exists",
            code=1,
        ),
        Row(
            "artifacts repositories list",
            f"""
            ARTIFACT_REGISTRY
            {header}
            web DOCKER STANDARD_REPOSITORY The web {{region}} Google-managed key … 0
            """,
            "Listing items under project {project}, across all locations.",
        ),
        Row(
            "artifacts repositories list --location={region}",
            f"""
            ARTIFACT_REGISTRY
            {header}
            web DOCKER STANDARD_REPOSITORY The web {{region}} Google-managed key … 0
            """,
            "Listing items under project {project}, location {region}.",
        ),
        Row(
            "artifacts repositories list --location=nowhere",
            says="""
            Listing items under project {project}, location nowhere.
            ERROR: (gcloud.artifacts.repositories.list) {{
            "error": {{
            "code": 403,
            "message": "Permission denied on 'locations/nowhere' (or it may not exist).",
            "status": "PERMISSION_DENIED"
            }}
            }}
            """,
            code=1,
        ),
        Row(
            "artifacts repositories describe web --location={region}",
            """
            createTime: '…'
            description: The web
            format: DOCKER
            mode: STANDARD_REPOSITORY
            name: projects/{project}/locations/{region}/repositories/web
            registryUri: {region}-docker.pkg.dev/{project}/web
            updateTime: '…'
            vulnerabilityScanningConfig:
            enablementState: SCANNING_DISABLED
            enablementStateReason: API containerscanning.googleapis.com is not enabled.
            lastEnableTime: '…'
            """,
            """
            Encryption: Google-managed key
            Repository Size: 0.000MB
            """,
        ),
        Row(
            "artifacts repositories describe nothing --location={region}",
            says=f"ERROR: (gcloud.artifacts.repositories.describe) {NOT_FOUND}",
            code=1,
        ),
        Row(
            "artifacts repositories delete web --location={region}",
            says=f"""
            Delete request issued for: [web]
            {waiting}<second>] to complete...
            done.
            Deleted repository [web].
            """,
            effect=is_gone,
        ),
        Row(
            "artifacts repositories delete web --location={region}",
            says=f"ERROR: (gcloud.artifacts.repositories.delete) {NOT_FOUND}",
            code=1,
        ),
        Row("artifacts locations list", "LOCATIONS\n…\nasia\n…\nasia-northeast3\n…\nus\n…"),
        Row(
            "artifacts locations list --project=nothing-here",
            says="""
            ERROR: (gcloud.artifacts.locations.list) [learner@example.com] does not have permission to access projects instance [nothing-here] (or it may not exist): Permission denied on resource project nothing-here. {authenticated}.
            """  # noqa: E501
            + NO_PROJECT,
            code=1,
        ),
    ]
    play(gcloud, rows, region=REGION)


def test_docker_images(gcloud: Gcloud, project: str) -> None:
    """What was pushed is seen, tagged and cleaned up."""
    client = artifactregistry_v1.ArtifactRegistryClient()
    parent = f"projects/{project}/locations/{REGION}"
    client.create_repository(
        parent=parent,
        repository_id="web",
        repository=artifactregistry_v1.Repository(format_="DOCKER"),
    ).result(60)
    host = f"{REGION}-docker.pkg.dev"
    image = small("docker images")
    signed_in(host, f"{project}/web/app").push(image, "v1")
    listing = "Listing items under project {project}, location {region}, repository web."
    usage = """
    A valid container image can be referenced by tag or digest, has the format of
    LOCATION-docker.DOMAIN/PROJECT-ID/REPOSITORY-ID/IMAGE:tag
    LOCATION-docker.DOMAIN/PROJECT-ID/REPOSITORY-ID/IMAGE@sha256:digest
    """
    rows = [
        Row(
            "artifacts docker images list {web}",
            """
            IMAGE DIGEST CREATE_TIME UPDATE_TIME SIZE
            {web}/app {digest} … … …
            """,
            listing,
        ),
        Row(
            "artifacts docker images list {web}/app --include-tags",
            """
            IMAGE DIGEST TAGS CREATE_TIME UPDATE_TIME SIZE
            {web}/app {digest} v1 … … …
            """,
            listing,
        ),
        Row(
            "artifacts docker images list {nothing}",
            says=f"ERROR: (gcloud.artifacts.docker.images.list) {NOT_FOUND}",
            code=1,
        ),
        Row(
            "artifacts docker images describe {web}/app:v1",
            """
            image_summary:
            digest: {digest}
            fully_qualified_digest: {web}/app@{digest}
            registry: {region}-docker.pkg.dev
            repository: web
            slsa_build_level: unknown
            """,
        ),
        Row(
            "artifacts docker images describe {web}/app:v7",
            says=f"ERROR: (gcloud.artifacts.docker.images.describe) Image not found.{usage}",
            code=1,
        ),
        Row(
            "artifacts docker tags add {web}/app:v1 {web}/app:v2",
            says="Added tag [{web}/app:v2] to image [{web}/app:v1].",
            effect=lambda names: digest(f"{names['web']}/app:v2") == image.digest,
        ),
        Row(
            "artifacts docker tags add {web}/app:v7 {web}/app:v2",
            says=f"ERROR: (gcloud.artifacts.docker.tags.add) {NOT_FOUND}",
            code=1,
        ),
        Row(
            "artifacts docker tags list {web}/app",
            """
            TAG IMAGE DIGEST
            v1 {web}/app {digest}
            v2 {web}/app {digest}
            """,
            listing,
        ),
        Row(
            "artifacts docker tags list {nothing}/app",
            says=f"ERROR: (gcloud.artifacts.docker.tags.list) {NOT_FOUND}",
            code=1,
        ),
        Row(
            "artifacts docker tags delete {web}/app:v2",
            says="Deleted tag [{web}/app:v2].",
            effect=lambda names: not digest(f"{names['web']}/app:v2"),
        ),
        Row(
            "artifacts docker tags delete {web}/app:v2",
            says=f"ERROR: (gcloud.artifacts.docker.tags.delete) {NOT_FOUND}",
            code=1,
        ),
        Row(
            "artifacts docker images delete {web}/app@{digest}",
            says="""
            ERROR: (gcloud.artifacts.docker.images.delete) Cannot delete image {web}/app@{digest} because it is tagged. Existing tags are:
            - {web}/app:v1
            """,  # noqa: E501
            code=1,
        ),
        Row(
            "artifacts docker images delete {web}/app@{digest} --delete-tags",
            says="""
            Digests:
            - {web}/app@{digest}
            Tags:
            - {web}/app:v1
            Delete request issued.
            Waiting for operation [projects/{project}/locations/{region}/operations/<operation>] to complete...
            done.
            """,  # noqa: E501
            effect=lambda names: not digest(f"{names['web']}/app:v1"),
        ),
    ]
    play(
        gcloud,
        rows,
        region=REGION,
        digest=image.digest,
        web=f"{host}/{project}/web",
        nothing=f"{host}/{project}/nothing",
    )


def test_container_images(gcloud: Gcloud, project: str) -> None:
    """The commands of 2021 still answer, from Artifact Registry."""
    image = small("container images")
    gcr = f"gcr.io/{project}"
    resolved = """
    WARNING: Successfully resolved tag to sha256, but it is recommended to use sha256 directly.
    """
    rows = [
        Row(
            "container images list",
            says="ERROR: (gcloud.container.images.list) Not found: {gcr}",
            code=1,
        ),
    ]
    play(gcloud, rows, gcr=gcr)
    signed_in("gcr.io", f"{project}/app").push(image, "latest")
    rows = [
        Row(
            "container images list",
            """
            NAME
            {gcr}/app
            """,
            """
            Only listing images in {gcr}. Use --repository to list images in other repositories.
            """,
        ),
        Row(
            "container images list-tags {gcr}/app",
            """
            DIGEST TAGS TIMESTAMP
            {short} latest 2026-11-20T10:00:00
            """,
        ),
        Row(
            "container images list-tags {gcr}/nothing",
            says="ERROR: (gcloud.container.images.list-tags) Not found: {gcr}/nothing",
            code=1,
        ),
        Row(
            "container images describe {gcr}/app",
            """
            image_summary:
            digest: {digest}
            fully_qualified_digest: {gcr}/app@{digest}
            registry: gcr.io
            repository: {project}/app
            """,
            resolved,
        ),
        Row(
            "container images describe {gcr}/nothing",
            says="ERROR: (gcloud.container.images.describe) [{gcr}/nothing] is not found or is not"
            ' a valid name. Expected tag in the form "base:tag" or "tag" or digest in the form'
            ' "sha256:…"',
            code=1,
        ),
        Row(
            "container images add-tag {gcr}/app {gcr}/app:v9",
            says="Created [{gcr}/app:v9].",
            effect=lambda names: digest(f"{gcr}/app:v9") == image.digest,
        ),
        Row(
            "container images add-tag {gcr}/nothing {gcr}/app:v9",
            says="""
            ERROR: Error during upload of: {gcr}/app:v9
            ERROR: (gcloud.container.images.add-tag) Not found: response: …
            Failed to fetch "latest".: …
            """,
            code=1,
        ),
        Row(
            "container images delete {gcr}/app:v9",
            says=resolved
            + """
            ERROR: Tags:
            ERROR: - {gcr}/app:v9
            ERROR: (gcloud.container.images.delete) This operation will implicitly delete the tags listed above. Please manually remove with the `untag` command or re-run with --force-delete-tags to confirm.
            """,  # noqa: E501
            code=1,
            effect=lambda names: digest(f"{gcr}/app:v9") == image.digest,
        ),
        Row(
            "container images delete {gcr}/app:v9 --force-delete-tags",
            says=resolved
            + """
            Digests:
            - {gcr}/app@{digest}
            Associated tags:
            - latest
            - v9
            Tags:
            - {gcr}/app:v9
            …
            Deleted [{gcr}/app@{digest}].
            """,
            effect=lambda names: not digest(f"{gcr}/app:latest"),
        ),
    ]
    play(gcloud, rows, gcr=gcr, digest=image.digest, short=image.digest[7:19])
