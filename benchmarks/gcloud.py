"""The examples of gcloud's help: how many end as they are classed, and the slowest of them."""

from __future__ import annotations

import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator

from helpers.course.surroundings import scratch_folder
from tests.clients.gcloud import preparations
from tests.clients.gcloud.examples import Ended, commands, examples, run

from .figure import Figure, NotMeasured
from .local_cloud import inside

SLOWEST = 5


def tried() -> Iterator[Figure | NotMeasured]:
    """Every example, one after the other in one cloud; the slowest beside ``gcloud version``."""
    if shutil.which("gcloud") is None:
        yield NotMeasured("gcloud: examples", "gcloud is not installed: NONE of them was tried")
        return
    with scratch_folder("figures-") as folder, inside(folder / "home") as (home, _):
        preparations.projects(folder)
        ended = []
        for number, example in enumerate(examples()):
            place = folder / str(number)
            place.mkdir()
            ended.append(run(example, home, place))
        version = statistics.median(_version() for _ in range(5))
    yield Figure("gcloud: commands", len(commands()), "")
    yield Figure("gcloud: examples", len(ended), "")
    for name, outcome in (
        ("passed", "run"),
        ("refused by name", "refused"),
        ("failed as on Google", "wrong"),
    ):
        right = [one for one in ended if one.as_classed and one.example.outcome == outcome]
        yield Figure(f"gcloud: examples {name}", len(right), "")
    odd = [one for one in ended if not one.as_classed]
    yield Figure("gcloud: examples not as classed", len(odd), "", 1)
    for one in odd:
        print(f"exit code {one.code}: {one.example}\n{one.output}", file=sys.stderr)
    for one in sorted(ended, key=_seconds, reverse=True)[:SLOWEST]:
        yield Figure(f"gcloud {one.example.command}, to version", one.seconds / version, "x")


def _seconds(one: Ended) -> float:
    return one.seconds


def _version() -> float:
    """Seconds that gcloud takes for nothing."""
    began = time.perf_counter()
    subprocess.run(["gcloud", "version"], check=True, capture_output=True)
    return time.perf_counter() - began
