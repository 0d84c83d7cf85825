"""Print environment.yml, made from pyproject.toml: Python, pip and one pip section."""

from __future__ import annotations

import tomllib
from pathlib import Path

project = tomllib.loads(Path("pyproject.toml").read_text(encoding="utf-8"))["project"]
print("# Made from pyproject.toml by `make lock`.")
print(f"name: {project['name']}")
print("channels:\n  - conda-forge\ndependencies:")
print(f"  - python{project['requires-python']}\n  - pip\n  - pip:")
for requirements in (project["dependencies"], *project["optional-dependencies"].values()):
    for requirement in requirements:
        print(f'      - "{requirement}"')
print("      - -e .")
