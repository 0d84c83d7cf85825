"""How a build ends when it does not end well."""

from __future__ import annotations


class BuildFailed(Exception):
    """A build that cannot go on. The text is what docker prints; the build has logged it."""


class BuildStopped(BuildFailed):
    """A build that was told to stop."""


def needs_buildkit(flag: str) -> BuildFailed:
    """The classic builder's failure for a flag that only BuildKit has."""
    return BuildFailed(
        f"the --{flag} option requires BuildKit. Refer to https://docs.docker.com/go/buildkit/ "
        "to learn how to build images with BuildKit enabled"
    )
