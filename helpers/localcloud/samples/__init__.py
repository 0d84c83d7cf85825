"""The public sample images that exist in every Google Cloud, in versions of our own."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from ..builder.build import Builder
from ..registry.image import Image

HELLO = ("us-docker.pkg.dev/cloudrun/container/hello", "gcr.io/cloudrun/hello")
"""Names of Google's hello image; https://cloud.google.com/run/docs/quickstarts/deploy-container"""


async def build_hello(builder: Builder) -> Image:
    """Builds the image that all of ``HELLO`` name."""
    when = datetime(2026, 1, 1, tzinfo=UTC)
    return await builder.build(Path(__file__).parent / "hello", lambda line: None, when)
