"""The variables of a build: what ARG and --build-arg may set, and how $NAME is replaced.

Source: https://docs.docker.com/reference/dockerfile/#arg and
https://github.com/moby/moby/blob/v20.10.24/builder/dockerfile/buildargs.go (read 2026-11-24)
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TypeVar

from e2b_dockerfile_utils import ShellLex

from .errors import BuildFailed

Result = TypeVar("Result")

PREDEFINED = frozenset(
    name
    for scheme in ("http", "https", "ftp", "no")
    for name in (f"{scheme}_proxy", f"{scheme.upper()}_PROXY")
)
"""Names that --build-arg may set without an ARG. They stay out of the image's history."""


class Arguments:
    """The build arguments that one stage may use."""

    def __init__(self, given: Mapping[str, str]) -> None:
        self._given = given
        self._global: dict[str, str | None] = {}
        self._declared: dict[str, str | None] = {}
        self._used: set[str] = set()

    def declare(self, name: str, default: str | None) -> None:
        """What ``ARG name`` or ``ARG name=default`` does."""
        self._declared[name] = default
        self._used.add(name)

    def declare_global(self, name: str, default: str | None) -> None:
        """What an ARG before the first FROM does: FROM sees it, a stage only after its own ARG."""
        self._global[name] = default
        self.declare(name, default)

    def next_stage(self) -> None:
        """Forgets what a stage declared; its scope ends with it."""
        self._declared = {}

    def values(self) -> dict[str, str]:
        """The arguments the current stage sees."""
        return self._values(self._declared)

    def global_values(self) -> dict[str, str]:
        """The arguments a FROM sees."""
        return self._values(self._global)

    def unused(self) -> list[str]:
        """Given names that no ARG declared, sorted."""
        return sorted(set(self._given) - self._used - PREDEFINED)

    def in_history(self, name: str) -> bool:
        """Whether a step's history names this argument."""
        return name in self._declared or name not in PREDEFINED

    def _values(self, declared: Mapping[str, str | None]) -> dict[str, str]:
        values: dict[str, str] = {}
        for name in (*declared, *sorted(PREDEFINED - set(declared))):
            value = self._given.get(name, declared.get(name))
            if value is None:
                value = self._global.get(name)
            if value is not None:
                values[name] = value
        return values


def expand(word: str, escape: str, env: Mapping[str, str]) -> str:
    """One word with its variables replaced, its quotes and escapes removed.

    Raises BuildFailed with Docker's reason, for instance for ``${NAME:?needed}`` when it is unset.
    """
    return _processed(ShellLex(escape, env=env, skip_unset_env=False).process_word, word)


def expand_to_words(text: str, escape: str, env: Mapping[str, str]) -> list[str]:
    """Like ``expand``, then split at unquoted spaces: only EXPOSE does this. Raises BuildFailed."""
    return _processed(ShellLex(escape, env=env, skip_unset_env=False).process_words, text)


def expand_document(text: str, env: Mapping[str, str]) -> str:
    """The body of a heredoc with its variables replaced and its quotes kept. Raises BuildFailed."""
    lexer = ShellLex("\\", skip_process_quotes=True, env=env, skip_unset_env=False)
    return _processed(lexer.process_word, text)


def as_mapping(pairs: Iterable[str]) -> dict[str, str]:
    """``NAME=value`` strings, as an image's configuration holds them, by name."""
    return {name: value for name, _, value in (pair.partition("=") for pair in pairs)}


def _processed(process: Callable[[str], Result], text: str) -> Result:
    try:
        return process(text)
    except ValueError as error:
        raise BuildFailed(str(error)) from error
