"""Print every measured figure as one table: what, how much, the aim, and whether it is met.

A measure is a function that yields figures; the table shows them in the order of `MEASURES`.
Arguments choose measures: ``make figures ARGS=front_door`` prints those of that module.
"""

from __future__ import annotations

import json
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import nbformat
from nbformat.v4 import new_notebook

from helpers.course.catalogue import listed
from helpers.course.execution import KERNEL
from helpers.course.surroundings import scratch_folder

from . import front_door, gcloud, local_cloud
from .figure import Figure, NotMeasured

Measure = Callable[[], Iterator[Figure | NotMeasured]]


def course() -> Iterator[Figure]:
    """Seconds for ``make run`` without set-up, for each lesson, and against empty notebooks."""
    notebooks = Path("notebooks")
    with scratch_folder("figures-") as scratch:
        run = _executed(notebooks, scratch / "build")
        empty = scratch / "empty"
        empty.mkdir()
        shutil.copy(notebooks / "course.toml", empty)
        for lesson in listed(notebooks):
            kernel = {"name": KERNEL, "display_name": KERNEL, "language": "python"}
            nbformat.write(new_notebook(metadata={"kernelspec": kernel}), empty / lesson.file)
        nothing = _executed(empty, scratch / "nothing")
    yield Figure("make run, without set-up", run["seconds"], "s", 90)
    yield Figure("make run, of as many empty notebooks", nothing["seconds"], "s")
    yield Figure("make run, of what empty ones take", run["seconds"] / nothing["seconds"], "x")
    for name, seconds in run["lessons"].items():
        yield Figure(f"lesson {name}", seconds, "s")


def _executed(notebooks: Path, build: Path) -> dict[str, Any]:
    """What a run of a course says of itself."""
    command = [sys.executable, "-m", "helpers.course", "run"]
    folders = ["--notebooks", str(notebooks), "--build", str(build)]
    subprocess.run([*command, *folders], check=True, stdout=subprocess.DEVNULL)
    return dict(json.loads((build / "run.json").read_text(encoding="utf-8")))


MEASURES: dict[str, Measure] = {
    "course": course,
    "local_cloud.start": local_cloud.start,
    "local_cloud.serving": local_cloud.serving,
    "front_door.cold": front_door.cold,
    "front_door.warm": front_door.warm,
    "gcloud": gcloud.tried,
}


def main(wanted: list[str]) -> None:
    """Measures everything, or what is wanted by name or by the beginning of one."""
    chosen = [name for name in MEASURES if not wanted or name.startswith(tuple(wanted))]
    if not chosen:
        sys.exit(f"There is no such measure. There are: {', '.join(MEASURES)}")
    system = f"{platform.system()} {platform.machine()}, {os.cpu_count()} CPUs"
    print(f"Python {platform.python_version()} on {system}\n")
    print(f"{'figure':<48} {'value':>10}         aim")
    for name in chosen:
        # A process for each: gRPC takes a cloud's certificate only once in its life.
        process = get_context("spawn").Process(target=_print, args=(name,))
        process.start()
        process.join()
        if process.exitcode:
            sys.exit(process.exitcode)


def _print(name: str) -> None:
    for figure in MEASURES[name]():
        print(figure.line, flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
