"""The ``docker`` commands that a build step may give: build, tag, push, ps, with their flags."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import NoReturn


class CannotRun(Exception):
    """A command that this cloud does not run; the text says which, as docker would."""


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise CannotRun(message)


def parse(args: Sequence[str]) -> argparse.Namespace:
    """Reads the arguments of one docker command; ``command`` says which it is.

    Raises CannotRun for another command, an unknown flag or a missing argument.
    """
    parser = _Parser(prog="docker", add_help=False, allow_abbrev=False)
    commands = parser.add_subparsers(dest="command", required=True, parser_class=_Parser)

    build = commands.add_parser("build", add_help=False, allow_abbrev=False)
    build.add_argument("-t", "--tag", action="append", default=[])
    build.add_argument("-f", "--file", default="Dockerfile")
    build.add_argument("--build-arg", action="append", default=[])
    build.add_argument("--target", default="")
    build.add_argument("--network", default="")
    build.add_argument("--no-cache", action="store_true")
    build.add_argument("--pull", action="store_true")
    build.add_argument("--platform", default="linux/amd64")
    build.add_argument("folder")

    tag = commands.add_parser("tag", add_help=False, allow_abbrev=False)
    tag.add_argument("source")
    tag.add_argument("name")

    push = commands.add_parser("push", add_help=False, allow_abbrev=False)
    push.add_argument("name")

    commands.add_parser("ps", add_help=False, allow_abbrev=False)

    return parser.parse_args(list(args))
