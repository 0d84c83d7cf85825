"""From a Dockerfile and a folder to an image: what ``docker build`` does, in the local cloud."""

from .build import Builder
from .errors import BuildFailed, BuildStopped

__all__ = ["BuildFailed", "BuildStopped", "Builder"]
