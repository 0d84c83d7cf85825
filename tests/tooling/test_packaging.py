"""A fresh clone gets what the code imports, pinned, from the public index and nowhere else."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
import zipfile
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
LOCK = (ROOT / "requirements.lock").read_text()
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
PROJECT = PYPROJECT["project"]
EVERYTHING = (
    PROJECT["dependencies"]
    + PROJECT["optional-dependencies"]["book"]
    + PROJECT["optional-dependencies"]["test"]
    + PYPROJECT["dependency-groups"]["build"]
)


def pins() -> dict[str, list[str]]:
    """Return the versions that the lock has of each distribution, one for each marker."""
    found: dict[str, list[str]] = {}
    for name, version in re.findall(r"^([a-z0-9-]+)==([^ ]+)", LOCK, re.MULTILINE):
        found.setdefault(name, []).append(version)
    return found


def test_the_lock_has_what_the_project_asks_for_within_its_bounds() -> None:
    locked = pins()
    for requirement in map(Requirement, EVERYTHING):
        versions = locked.get(canonicalize_name(requirement.name), [])
        assert versions, f"{requirement.name} is not in the lock: make lock"
        assert all(v in requirement.specifier for v in versions), f"{requirement}: make lock"


def test_every_pin_has_the_hashes_of_its_files() -> None:
    entries = re.split(r"\n(?=[a-z0-9-]+==)", LOCK)[1:]
    assert len(entries) > 100
    for entry in entries:
        assert "--hash=sha256:" in entry, entry


def test_the_lock_names_no_index_no_folder_and_no_address() -> None:
    for line in LOCK.splitlines():
        assert re.fullmatch(
            r"#.*|[a-z0-9-]+==\S+( ; .*)? \\|    --hash=sha256:[0-9a-f]{64}( \\)?|    #.*", line
        ), line
        assert "://" not in line


def test_environment_yml_says_the_same_as_the_project() -> None:
    made = subprocess.run(
        [sys.executable, ".ci/environment.py"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert (ROOT / "environment.yml").read_text() == made.stdout, "make lock"


def test_an_installed_copy_has_every_file_of_the_helpers_and_the_command(tmp_path: Path) -> None:
    pip = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation", "--no-index"]
    subprocess.run([*pip, "-w", tmp_path, "."], cwd=ROOT, check=True, capture_output=True)
    wheel = zipfile.ZipFile(next(tmp_path.glob("*.whl")))
    files = {path.relative_to(ROOT).as_posix() for path in (ROOT / "helpers").rglob("*.*")}
    assert {file for file in files if "__pycache__" not in file} <= set(wheel.namelist())
    entry = next(name for name in wheel.namelist() if name.endswith("entry_points.txt"))
    assert b"localcloud=helpers.localcloud.cli:main" in wheel.read(entry)


def imported(folder: Path) -> set[str]:
    """Return the full names of the modules that the code below ``folder`` imports."""
    names = set()
    for path in folder.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                names |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and not node.level and node.module:
                names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def test_what_the_helpers_import_is_asked_for_by_the_project() -> None:
    asked = {canonicalize_name(Requirement(text).name) for text in PROJECT["dependencies"]}
    owners = metadata.packages_distributions()
    files = {
        name: {str(file) for file in metadata.files(name) or ()}
        for names in owners.values()
        for name in set(names)
    }
    unasked = []
    for module in sorted(imported(ROOT / "helpers")):
        top = module.partition(".")[0]
        if top in sys.stdlib_module_names or top == "helpers":
            continue
        parts = module.split(".")
        stems = ["/".join(parts[:length]) for length in range(len(parts), 0, -1)]
        owner = next(
            (
                canonicalize_name(name)
                for stem in stems
                for name in owners.get(top, [])
                if files[name] & {f"{stem}.py", f"{stem}/__init__.py", f"{stem}_pb2.py"}
            ),
            None,
        )
        if owner not in asked:
            unasked.append(f"{module} of {owner}")
    assert unasked == []
