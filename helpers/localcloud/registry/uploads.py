"""Blobs on their way in over the registry protocol.

An upload lives as long as the process; a client that comes back after a restart starts again.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from dataclasses import dataclass, field

from .blobs import Blobs, BlobWriter
from .references import ImageName

IDLE_SECONDS = 3600
"""How long an upload may stand still before it is given up."""


@dataclass
class Upload:
    """One upload: what it is for, who sends it, what has arrived."""

    id: str
    name: ImageName
    sender: str
    writer: BlobWriter
    touched: float = field(default_factory=time.monotonic)
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)


class Uploads:
    """The uploads that are open."""

    def __init__(self, blobs: Blobs) -> None:
        self._blobs = blobs
        self._open: dict[str, Upload] = {}

    def start(self, name: ImageName, sender: str) -> Upload:
        """Opens an upload. ``sender`` is the unique id of the one who may go on with it."""
        self._give_up_idle()
        upload = Upload(secrets.token_urlsafe(24), name, sender, self._blobs.writer())
        self._open[upload.id] = upload
        return upload

    def get(self, upload_id: str, name: ImageName, sender: str) -> Upload | None:
        """An open upload of this image and sender, or None."""
        upload = self._open.get(upload_id)
        if upload is None or (upload.name, upload.sender) != (name, sender):
            return None
        upload.touched = time.monotonic()
        return upload

    def close(self, upload: Upload) -> None:
        """Ends an upload and throws away what was not committed."""
        self._open.pop(upload.id, None)
        upload.writer.abort()

    def _give_up_idle(self) -> None:
        oldest = time.monotonic() - IDLE_SECONDS
        for upload in [one for one in self._open.values() if one.touched < oldest]:
            self.close(upload)
