"""The instructions that put files into an image: COPY, ADD and WORKDIR."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Mapping
from dataclasses import dataclass

from e2b_dockerfile_utils import DockerfileHeredoc, parse_heredoc

from ..engine.layers import Layers
from ..engine.tree import Tree, clean
from ..registry.blobs import Blobs
from .copying import Destination, copy, destination, find, put
from .dockerfile import BUILDKIT_FLAGS, Instruction, body
from .errors import BuildFailed, needs_buildkit
from .layer import LayerError, NewLayer, content
from .owners import owner
from .stage import Layer, Stage
from .variables import expand, expand_document


@dataclass(frozen=True)
class Placer:
    """Puts files into the layers of one build. Its calls block: use them off the event loop."""

    blobs: Blobs
    layers: Layers
    escape: str

    def place(
        self,
        stage: Stage,
        instruction: Instruction,
        env: Mapping[str, str],
        source: Tree,
        in_image: bool,
    ) -> tuple[Layer | None, str]:
        """Does a COPY or ADD: the new layer, and the comment for the image's history.

        ``source`` is the build context or, if ``in_image``, the files of another image. Raises
        BuildFailed with Docker's text.
        """
        for flag in instruction.flags:
            if flag in BUILDKIT_FLAGS[instruction.name]:
                raise needs_buildkit(flag)
        try:
            return self._place(stage, instruction, env, source, in_image)
        except (LayerError, OSError) as error:
            raise BuildFailed(f"{instruction.name} failed: {error}") from error

    def make_working_dir(self, stage: Stage, path: str) -> Layer | None:
        """Makes the directory that a WORKDIR names; None if it is there. Raises BuildFailed."""
        layer = NewLayer(stage.tree)
        try:
            place = layer.resolve(clean(path))
            if layer.is_folder(place):
                return None
            layer.make_folder(place)
        except (LayerError, OSError) as error:
            raise BuildFailed(f"Cannot mkdir: {path} is not a directory") from error
        return self._written(layer)

    def _place(
        self,
        stage: Stage,
        instruction: Instruction,
        env: Mapping[str, str],
        source: Tree,
        in_image: bool,
    ) -> tuple[Layer | None, str]:
        *named, last = instruction.args
        if parse_heredoc(last) is not None:
            raise BuildFailed(f"{instruction.name} cannot accept a heredoc as a destination")
        heredocs = {heredoc.name: heredoc for heredoc in instruction.heredocs}
        inline = [heredocs[h.name] for h in map(parse_heredoc, named) if h is not None]
        words = [expand(word, self.escape, env) for word in named if parse_heredoc(word) is None]
        for word in words:
            _refuse_address(instruction.name, word)
        sources = [found for word in words for found in find(source, word, in_image=in_image)]
        requested = expand(last, self.escape, env)
        count = len(sources) + len(inline)
        if not count:
            raise LayerError("no source files were specified")
        if count > 1 and not requested.endswith("/"):
            raise BuildFailed(
                f"When using {instruction.name} with more than one source file, the destination "
                "must be a directory and end with a /"
            )

        chown = expand(instruction.flags.get("chown", ""), self.escape, env)
        chmod = expand(instruction.flags.get("chmod", ""), self.escape, env)
        to = Destination(
            destination(requested, stage.working_dir),
            owner(chown, stage.tree) if chown else None,
            _mode(chmod) if chmod else None,
        )
        layer = NewLayer(stage.tree)
        for heredoc in inline:
            put(layer, heredoc.name, content(_data(heredoc, env), 0o644), to)
        for found in sources:
            copy(layer, found, to, unpack=instruction.name == "ADD")
        written = self._written(layer)
        kind = "multi" if count > 1 else "dir" if sources and sources[0].node.is_folder else "file"
        digest = written.descriptor["digest"].partition(":")[2] if written else ""
        return written, f"{instruction.name} {kind}:{digest} in {to.path} "

    def _written(self, layer: NewLayer) -> Layer | None:
        descriptor = layer.write(self.blobs)
        if descriptor is None:
            return None
        return Layer(descriptor, self.layers.layer(descriptor["digest"]))


def working_dir(current: str, requested: str) -> str:
    """What WORKDIR makes of a path. Raises BuildFailed for an empty one."""
    if not requested:
        raise BuildFailed("cannot normalize nothing")
    return (
        requested
        if requested.startswith("/")
        else posixpath.normpath(posixpath.join("/", current, requested))
    )


def _refuse_address(name: str, source: str) -> None:
    if not source.startswith(("http://", "https://")):
        return
    if name == "COPY":
        raise LayerError("source can't be a URL for COPY")
    raise LayerError(f"the local cloud does not download {source}: copy a file instead")


def _mode(chmod: str) -> int:
    if not re.fullmatch(r"0?[0-7]{1,4}", chmod):
        raise BuildFailed(
            f"invalid chmod parameter: '{chmod}'. it should be octal string and between 0 and 07777"
        )
    return int(chmod, 8)


def _data(heredoc: DockerfileHeredoc, env: Mapping[str, str]) -> bytes:
    text = body(heredoc)
    return (expand_document(text, env) if heredoc.expand else text).encode()
