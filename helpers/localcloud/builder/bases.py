"""What FROM may name: the Python of this environment and the images of this cloud's registries."""

from __future__ import annotations

import re

from .errors import BuildFailed

SCRATCH = "scratch"
DOCKER_HUB = ("docker.io/", "index.docker.io/", "registry-1.docker.io/")
OURS = (
    "Base images here are python (any tag), scratch and images in this cloud's registries: "
    "nothing is pulled from elsewhere."
)


def python_tag(reference: str) -> str | None:
    """The tag of Docker's official Python image; None if the reference names another image.

    A reference by digest names bytes that only Docker Hub has, so it is another image.
    """
    for host in DOCKER_HUB:
        reference = reference.removeprefix(host)
    reference = reference.removeprefix("library/")
    match = re.fullmatch(r"python(?::([\w][\w.-]{0,127}))?", reference)
    return (match[1] or "latest") if match else None


def explain_python(reference: str, tag: str, version: str, description: str) -> str:
    """The sentence in the build log that says what a Python base image really is here."""
    differences = []
    asked = re.match(r"\d+(\.\d+)*", tag)
    if asked and not f"{version}.".startswith(f"{asked[0]}."):
        differences.append(f"not Python {asked[0]}")
    if "alpine" in tag:
        differences.append("not Alpine Linux")
    return (
        ", ".join([f"{reference} is not pulled: it stands for {description}", *differences]) + "."
    )


def check_platform(reference: str, wanted: str, architecture: str) -> None:
    """Raises BuildFailed if an image for ``linux/architecture`` is not what --platform asks for."""
    parts = wanted.split("/")
    if not all(re.fullmatch(r"[A-Za-z0-9_.-]+", part) for part in parts):
        raise BuildFailed(
            f'failed to parse platform {wanted}: "{wanted}" is an invalid component of "{wanted}": '
            'platform specifier component must match "^[A-Za-z0-9_-]+$": invalid argument'
        )
    known = {"linux", architecture, "x86_64" if architecture == "amd64" else "aarch64"}
    if not set(parts[:2]) <= known:
        raise BuildFailed(
            f"image with reference {reference} was found but does not match the specified "
            f"platform: wanted {wanted}, actual: linux/{architecture}"
        )


def not_found(reference: str) -> BuildFailed:
    """The failure for a base image that is nowhere."""
    name, at, _ = reference.partition("@")
    repository, colon, tag = name.rpartition(":")
    if not colon or "/" in tag:
        repository, tag = name, "latest"
    host, slash, _ = name.partition("/")
    is_registry = bool(slash) and ("." in host or ":" in host or host == "localhost")
    if is_registry or python_tag(name):
        named = reference if at else f"{repository}:{tag}"
        text = f"manifest for {named} not found: manifest unknown: manifest unknown"
    else:
        text = (
            f"pull access denied for {repository}, repository does not exist or may require "
            "'docker login': denied: requested access to the resource is denied"
        )
    return BuildFailed(f"{text}\n{OURS}")
