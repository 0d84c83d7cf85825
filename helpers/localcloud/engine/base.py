"""The base image that ``FROM python:*`` means here: the Python of this environment.

It is made once from the machine's own files, so that a build needs neither a network nor root.
"""

from __future__ import annotations

import hashlib
import json
import platform
import threading
from pathlib import Path
from typing import Any

from ..registry.blobs import Blobs
from ..registry.image import Image, load, store
from .files import settle
from .interpreter import Interpreter
from .layers import Layers
from .system import System

RECIPE = 2
"""Counts the ways to make the base: a higher number makes it anew in every home."""

PATH = "/usr/local/bin:/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin"
ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}
LONG_AGO = "1970-01-01T00:00:00Z"


class Base:
    """The base image of one home. ``image`` blocks: use it off the event loop."""

    def __init__(self, folder: Path, layers: Layers, blobs: Blobs) -> None:
        self._layers = layers
        self._blobs = blobs
        self._note = folder / "base.json"
        self._lock = threading.Lock()
        self._interpreter = Interpreter.running()
        self._system = System.running()
        folder.mkdir(parents=True, exist_ok=True)

    @property
    def version(self) -> str:
        """The version of the Python in it, such as ``3.12.1``."""
        return self._interpreter.version

    @property
    def description(self) -> str:
        """What it is, in a few words for a build's log."""
        return f"the Python {self.version} of this environment, on {self._system.name}"

    def image(self) -> Image:
        """The base image: one layer, made in a second or two if this home does not have it yet.

        Raises RuntimeError when this environment lacks a part that it needs, such as pip.
        """
        with self._lock:
            made = self._made()
            if made is None:
                made = self._make()
                self._note.write_text(json.dumps({"key": self._key(), "manifest": made.digest}))
            return made

    def _made(self) -> Image | None:
        try:
            note = json.loads(self._note.read_text())
            image = load(self._blobs, note["manifest"]) if note["key"] == self._key() else None
        except (FileNotFoundError, ValueError):
            return None
        if image and all(self._blobs.has(layer["digest"]) for layer in image.layers):
            return image
        return None

    def _make(self) -> Image:
        root = self._layers.new()
        try:
            self._system.skeleton(root)
            programs = self._interpreter.install(root) + self._system.tools(root)
            self._system.libraries(root, programs)
            self._system.settings(root)
            settle(root)
            layer = self._layers.commit(root)
        except BaseException:
            self._layers.discard(root)
            raise
        assert layer is not None
        return store(self._blobs, self._config(layer["digest"]), [layer])

    def _config(self, diff_id: str) -> dict[str, Any]:
        return {
            "architecture": ARCHITECTURES.get(platform.machine(), platform.machine()),
            "os": "linux",
            "created": LONG_AGO,
            "config": {
                "Env": [f"PATH={PATH}", "LANG=C.UTF-8", f"PYTHON_VERSION={self.version}"],
                "Cmd": ["python3"],
            },
            "rootfs": {"type": "layers", "diff_ids": [diff_id]},
            "history": [{"created": LONG_AGO, "created_by": self.description}],
        }

    def _key(self) -> str:
        parts = (RECIPE, self._interpreter.identity(), self._system.name)
        return hashlib.sha256(repr(parts).encode()).hexdigest()
