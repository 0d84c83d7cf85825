"""Imports point down a list, so that a reader finds the room for a change from the names.

A new module or folder gets its place in one of the two lists.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

HELPERS = (
    "adopt",
    "course",
    "sweep",
    "drill",
    "check",
    "lab",
    "exercises",
    "recap",
    "labels",
    "reach",
    "pipeline",
    "callers",
    "build",
    "registry",
    "service",
    "logs",
    "domains",
    "premises",
    "network",
    "ingress",
    "rest",
    "clients",
    "auth",
    "descriptions",
    "clock",
    "source",
    "pictures",
    "show",
    "wiki",
    "localcloud",
    "regions",  # The only one that the local cloud reads too: facts, and nothing else.
)

LOCAL_CLOUD = (
    "__main__",
    "cli",
    "session",
    "start",
    "daemon",
    "machines",
    "surroundings",
    "uplinks",
    "apis",
    "entering",
    "gateway",
    "api",
    "cloud",
    "samples",
    "frontdoor",
    "builder",
    "engine",
    "registry",
    "network",
    "logs",
    "identity",
    "latency",
    "store",
    "clock",
    "control",
    "unrecorded",
    "errors",
    "names",
    "home",
)


def modules(package: str) -> Iterator[Path]:
    yield from (ROOT / package.replace(".", "/")).rglob("*.py")


def room(module: str, package: str) -> str | None:
    """Return the part of ``module`` just below ``package``, or None if it isn't in it."""
    inside = module.removeprefix(f"{package}.")
    return None if inside == module else inside.partition(".")[0]


def imports(path: Path, source: str) -> Iterator[str]:
    """Yield the full name of everything that the module ``path`` imports, also in functions."""
    package = path.relative_to(ROOT).parent.parts
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) + 1 - node.level] if node.level else ()
            whole = ".".join((*base, *([node.module] if node.module else [])))
            yield from (f"{whole}.{alias.name}" for alias in node.names)


def edges(package: str) -> Iterator[tuple[str, str, Path]]:
    """Yield which room of ``package`` imports which other, and the file in which it does."""
    for path in modules(package):
        module = ".".join(path.relative_to(ROOT).with_suffix("").parts)
        here = room(module.removesuffix(".__init__"), package)
        for name in imports(path, path.read_text()):
            there = room(name, package)
            if here and there and here != there:
                yield here, there, path


@pytest.mark.parametrize(
    ("package", "order"), [("helpers", HELPERS), ("helpers.localcloud", LOCAL_CLOUD)]
)
def test_imports_point_down_the_list(package: str, order: tuple[str, ...]) -> None:
    assert any(modules(package))
    for here, there, path in edges(package):
        where = path.relative_to(ROOT)
        assert here in order and there in order, f"{where}: {here} or {there} has no place yet"
        assert order.index(here) < order.index(there), f"{where}: {here} imports {there}"


def test_only_lab_knows_that_there_is_a_local_cloud() -> None:
    knowing = {here for here, there, _ in edges("helpers") if there == "localcloud"}
    assert knowing <= {"lab"}


def test_every_way_to_write_an_import_is_seen() -> None:
    source = (
        "from . import rest\nfrom .. import clock\nfrom ..store import Store\n"
        "from helpers.localcloud import home\nimport helpers.localcloud.names\n"
        "def late():\n    from helpers.localcloud.engine import Engine\n"
    )
    path = ROOT / "helpers" / "localcloud" / "api" / "methods.py"
    assert sorted(imports(path, source)) == [
        "helpers.localcloud.api.rest",
        "helpers.localcloud.clock",
        "helpers.localcloud.engine.Engine",
        "helpers.localcloud.home",
        "helpers.localcloud.names",
        "helpers.localcloud.store.Store",
    ]
