"""What another client than gcloud sees in the docker registry."""

from __future__ import annotations

from tests.registry.images import DOCKER_MANIFEST, OCI_MANIFEST, signed_in


def digest(image: str) -> str:
    """What ``HOST/PATH:TAG`` names; empty if there is nothing."""
    host, _, path = image.partition("/")
    path, _, tag = path.partition(":")
    accept = f"{OCI_MANIFEST}, {DOCKER_MANIFEST}"
    answer = signed_in(host, path)("HEAD", f"manifests/{tag}", Accept=accept)
    assert answer.status_code in (200, 404), answer.status_code
    return answer.headers.get("Docker-Content-Digest", "")
