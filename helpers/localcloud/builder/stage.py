"""A stage while it is built: the image so far, step by step.

Source: https://github.com/opencontainers/image-spec/blob/main/config.md (read 2026-11-24)
"""

from __future__ import annotations

import copy
import datetime
import hashlib
import json
import platform
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..engine import Rootfs
from ..engine.base import ARCHITECTURES
from ..engine.tree import Tree
from ..registry.blobs import Blobs
from ..registry.image import OCI_LAYER, Image, store
from .variables import as_mapping

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
SHELL = ("/bin/sh", "-c")
OCI_TYPES = {
    "application/vnd.docker.image.rootfs.diff.tar": OCI_LAYER,
    "application/vnd.docker.image.rootfs.diff.tar.gzip": f"{OCI_LAYER}+gzip",
}
"""What layers that docker pushed are called in an OCI manifest."""


def architecture() -> str:
    """This machine's processor in the words of the OCI image specification."""
    machine = platform.machine()
    return ARCHITECTURES.get(machine, machine)


def timestamp(moment: datetime.datetime) -> str:
    """A moment as an image's configuration has it."""
    return moment.astimezone(datetime.UTC).isoformat().replace("+00:00", "Z")


@dataclass(frozen=True)
class Layer:
    """What one step added: an uncompressed tar in the blobs and the same files in a folder."""

    descriptor: dict[str, Any]
    folder: Path


@dataclass
class Stage:
    """The image that the steps of one stage have made so far.

    ``settings`` is what the image says to run (Env, Cmd, WorkingDir…), ``document`` the rest of
    its configuration. ``has_command`` tells whether the stage has a CMD of its own.
    """

    settings: dict[str, Any]
    document: dict[str, Any]
    layers: list[dict[str, Any]] = field(default_factory=list)
    lowers: tuple[Path, ...] = ()
    has_command: bool = False
    author: str = ""

    @classmethod
    def of_scratch(cls) -> Stage:
        """An empty stage."""
        document = {
            "architecture": architecture(),
            "os": "linux",
            "rootfs": {"type": "layers", "diff_ids": []},
            "history": [],
        }
        return cls({"Env": [f"PATH={PATH}"]}, document)

    @classmethod
    def of_image(cls, image: Image, rootfs: Rootfs) -> Stage:
        """A stage on top of an image and its unpacked layers."""
        document = copy.deepcopy(image.config)
        settings = document.pop("config", None) or {}
        document.setdefault("history", [])
        settings["Env"] = list(settings.get("Env") or [])
        if "PATH" not in as_mapping(settings["Env"]):
            settings["Env"].append(f"PATH={PATH}")
        layers = [
            {**layer, "mediaType": OCI_TYPES.get(layer["mediaType"], layer["mediaType"])}
            for layer in image.layers
        ]
        return cls(settings, document, layers, rootfs.lowers)

    def copy(self) -> Stage:
        """The same image, for another stage to go on from."""
        return Stage(
            copy.deepcopy(self.settings),
            copy.deepcopy(self.document),
            list(self.layers),
            self.lowers,
        )

    @property
    def tree(self) -> Tree:
        """The file system so far, to look into."""
        return Tree(self.lowers)

    @property
    def env(self) -> dict[str, str]:
        """The variables that ENV and the base image set."""
        return as_mapping(self.settings["Env"])

    @property
    def shell(self) -> list[str]:
        """What the shell form of a command is put behind."""
        return list(self.settings.get("Shell") or SHELL)

    @property
    def working_dir(self) -> str:
        """The directory of the next step."""
        return str(self.settings.get("WorkingDir") or "/")

    @property
    def is_empty(self) -> bool:
        """Whether this is still ``scratch``, which is no image."""
        return not self.document["history"] and not self.layers

    @property
    def id(self) -> str:
        """The first 12 digits of the image's id, the digest of its configuration."""
        if self.is_empty:
            return ""
        data = json.dumps(self._config(), separators=(",", ":"), sort_keys=True).encode()
        return hashlib.sha256(data).hexdigest()[:12]

    def commit(self, now: datetime.datetime, created_by: str, layer: Layer | None = None) -> None:
        """Ends a step: one line of history, and a layer if the step changed a file."""
        entry: dict[str, Any] = {"created": timestamp(now), "created_by": created_by}
        if self.author:
            entry["author"] = self.author
        if layer is None:
            entry["empty_layer"] = True
        else:
            self.layers.append(layer.descriptor)
            # An overlay refuses a folder that comes twice; the upper one has the last word anyway.
            kept = [lower for lower in self.lowers if lower != layer.folder]
            self.lowers = (*kept, layer.folder)
            self.document["rootfs"]["diff_ids"].append(layer.descriptor["digest"])
        self.document["history"].append(entry)
        self.document["created"] = timestamp(now)

    def store(self, blobs: Blobs) -> Image:
        """Stores the image over its layers."""
        return store(blobs, self._config(), self.layers)

    def _config(self) -> dict[str, Any]:
        config = {**self.document, "config": self.settings}
        if self.author:
            config["author"] = self.author
        return config
