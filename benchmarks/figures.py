"""Print every measured figure as one table: what, how much, the aim, and whether it is met.

A measure is a function that yields figures; the table shows them in the order of `MEASURES`.
"""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from collections.abc import Callable, Iterator

from helpers.course.surroundings import scratch_folder

from . import gcloud, local_cloud
from .figure import Figure

Measure = Callable[[], Iterator[Figure]]


def course() -> Iterator[Figure]:
    """Seconds for ``make run`` without set-up, and for each lesson."""
    with scratch_folder("figures-") as build:
        subprocess.run(
            [sys.executable, "-m", "helpers.course", "run", "--build", str(build)],
            check=True,
            stdout=subprocess.DEVNULL,
        )
        run = json.loads((build / "run.json").read_text(encoding="utf-8"))
    yield Figure("make run, without set-up", run["seconds"], "s")
    for name, seconds in run["lessons"].items():
        yield Figure(f"lesson {name}", seconds, "s")


MEASURES: tuple[Measure, ...] = (course, local_cloud.start, local_cloud.serving, gcloud.tried)


def main() -> None:
    """Measure everything and print the table."""
    system = f"{platform.system()} {platform.machine()}, {os.cpu_count()} CPUs"
    print(f"Python {platform.python_version()} on {system}\n")
    print(f"{'figure':<48} {'value':>10}        aim")
    for measure in MEASURES:
        for figure in measure():
            value = f"{figure.value:10.3g} {figure.unit:<6}"
            print(f"{figure.name:<48} {value}  {figure.verdict}", flush=True)


if __name__ == "__main__":
    main()
