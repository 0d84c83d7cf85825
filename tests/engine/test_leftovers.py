"""Whatever becomes of the daemon or a holder, nothing of a container stays behind."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import signal
import subprocess
import sys
from pathlib import Path

from helpers.localcloud.engine import Exit
from helpers.localcloud.engine.box import Box
from helpers.localcloud.engine.holder import memory
from tests.engine.bench import PATIENCE, Bench, until

DAEMON = """
import asyncio, sys
from pathlib import Path
from tests.engine.bench import Bench

async def main():
    bench = Bench(Path(sys.argv[1]))
    async with bench.engine() as engine:
        for _ in range(2):
            await engine.start(bench.spec("sh", "-c", "sleep 1000 & sleep 1000"))
        print("started", flush=True)
        await asyncio.Event().wait()

asyncio.run(main())
"""


def parents() -> dict[int, int]:
    """The parent of every process that runs; one that waits to be reaped does not."""
    found = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            state, parent = path.read_text().rpartition(")")[2].split()[:2]
            if state != "Z":
                found[int(path.parent.name)] = int(parent)
    return found


def descendants(process: int) -> set[int]:
    parent_of = parents()
    found: set[int] = set()
    while more := {p for p, up in parent_of.items() if up in found | {process}} - found:
        found |= more
    return found


def alive(processes: set[int]) -> set[int]:
    return processes & set(parents())


def command_of(process: int) -> bytes:
    return Path(f"/proc/{process}/cmdline").read_bytes()


def cgroups(*containers: Box) -> list[Path]:
    """The memory cgroups of these containers that are still there."""
    folders = [Path(root, container._name) for root in memory.parents() for container in containers]
    return [folder for folder in folders if folder.exists()]


def test_no_orphan_survives_a_daemon_killed_the_hard_way(bench: Bench) -> None:
    daemon = subprocess.Popen(
        [sys.executable, "-c", DAEMON, str(bench.folder)], stdout=subprocess.PIPE, text=True
    )
    try:
        assert daemon.stdout is not None
        assert daemon.stdout.readline() == "started\n"
        # Each of the two: holder, bubblewrap, its child sh, and two sleeps.
        asyncio.run(until(lambda: len(descendants(daemon.pid)) == 10))
        below = descendants(daemon.pid)
    finally:
        daemon.kill()
        daemon.wait()
    asyncio.run(until(lambda: not alive(below)))


def test_no_orphan_survives_a_holder_killed_the_hard_way(bench: Bench) -> None:
    async def main() -> None:
        async with bench.engine() as engine:
            before = descendants(os.getpid())
            container = await engine.start(bench.spec("sh", "-c", "sleep 1000 & sleep 1000"))
            await until(lambda: len(descendants(os.getpid()) - before) == 5)
            below = descendants(os.getpid()) - before
            holder = min(below)
            assert b"holder" in command_of(holder)
            os.kill(holder, signal.SIGKILL)
            end = await asyncio.wait_for(container.exited, PATIENCE)
            assert end == Exit(128 + signal.SIGKILL)
            await until(lambda: not alive(below))
            assert not cgroups(container)

    asyncio.run(main())


def test_closing_an_engine_stops_all_and_leaves_no_files(bench: Bench) -> None:
    async def main() -> None:
        before = descendants(os.getpid())
        async with bench.engine() as engine:
            containers = [await engine.start(bench.spec("sleep", "1000")) for _ in range(3)]
            assert len(descendants(os.getpid()) - before) == 9
        assert [container.exited.result().code for container in containers] == [137] * 3
        assert descendants(os.getpid()) == before
        assert not cgroups(*containers)

    asyncio.run(main())
    assert sorted(path.name for path in (bench.folder / "engine").rglob("*")) == ["empty"]


def test_no_descriptor_stays_open_after_many_containers(bench: Bench) -> None:
    async def main() -> None:
        async with bench.engine() as engine:
            counts = []
            for _ in range(4):
                container = await engine.start(
                    bench.spec("sleep", "1000", reach={("10.0.0.1", 80): lambda _: None})
                )
                try:
                    await container.connect()
                except ConnectionError:
                    await container.stop(grace=0)
                counts.append(len(os.listdir("/proc/self/fd")))
            assert len(set(counts[1:])) == 1

    asyncio.run(main())


ONE_START = """
import asyncio, sys
from pathlib import Path
from tests.engine.bench import Bench

async def main():
    bench = Bench(Path(sys.argv[1]))
    async with bench.engine() as engine:
        print("ready", flush=True)
        await engine.start(bench.spec("sleep", sys.argv[2]))
        await asyncio.Event().wait()

asyncio.run(main())
"""


def test_a_kill_in_the_middle_of_a_start_leaves_nothing(bench: Bench, tmp_path: Path) -> None:
    """Bubblewrap's first process ties its life to its parent a moment after it was made."""
    seed = random.randrange(10**6)
    print(f"seed {seed}")
    moments = random.Random(seed)
    mark = f"98{seed:06}"
    for _ in range(25):
        daemon = subprocess.Popen(
            [sys.executable, "-c", ONE_START, str(bench.folder), mark], stdout=subprocess.PIPE
        )
        assert daemon.stdout is not None
        daemon.stdout.readline()
        with contextlib.suppress(subprocess.TimeoutExpired):
            daemon.wait(moments.uniform(0.02, 0.09))
        daemon.kill()
        daemon.wait()
        daemon.stdout.close()

    def left() -> list[int]:
        found = []
        for path in Path("/proc").glob("[0-9]*/cmdline"):
            with contextlib.suppress(OSError):
                if mark.encode() in path.read_bytes().split(b"\0"):
                    found.append(int(path.parent.name))
        return found

    asyncio.run(until(lambda: not left()))
