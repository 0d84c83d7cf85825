"""Several lessons at a time: in several processes, each of which starts a cloud of its own."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator, Mapping, Sequence
from queue import SimpleQueue
from threading import Thread

from tqdm import tqdm

from helpers.course.execution import LessonFailed


def shares(lessons: Mapping[str, float], at_once: int) -> list[list[str]]:
    """Return which lessons each process executes, so that all end at about the same time.

    Args:
        lessons: their names, in the order in which a process is to execute its own, and how long
            each takes.
        at_once: how many processes there are to be.
    """
    loads: list[dict[str, float]] = [{} for _ in range(min(at_once, len(lessons)))]
    for name in sorted(lessons, key=lambda name: -lessons[name]):
        min(loads, key=lambda load: sum(load.values()))[name] = lessons[name]
    return [[name for name in lessons if name in load] for load in loads]


def executed(
    command: Sequence[str], shares: Sequence[Sequence[str]]
) -> Iterator[tuple[str, float]]:
    """Execute each share of the lessons in a process; yield a lesson and its seconds when it ends.

    Where standard error is a terminal, a bar shows how many are done. When one fails, or the
    caller ends, those that are being executed are asked to end, which cleans up after them, and no
    other begins.

    Args:
        command: executes the lessons whose names are put behind it, one after the other, and prints
            a line for each as `running.run` does.
        shares: the names of the lessons for each process.

    Raises:
        LessonFailed: a command's status was not zero; the text is what it printed.
    """
    done: SimpleQueue[tuple[str, float] | LessonFailed] = SimpleQueue()
    children = [
        subprocess.Popen(
            [*command, *share],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for share in shares
    ]

    def follow(child: subprocess.Popen[str], share: Sequence[str]) -> None:
        said = []
        assert child.stdout
        for line in child.stdout:
            name, *seconds = line.split() or [""]
            if name in share and seconds[1:] == ["s"]:
                done.put((name, float(seconds[0])))
            else:
                said.append(line)
        if child.wait():
            done.put(LessonFailed("".join(said).strip()))

    threads = [Thread(target=follow, args=pair) for pair in zip(children, shares, strict=True)]
    try:
        for thread in threads:
            thread.start()
        count = sum(map(len, shares))
        with tqdm(total=count, unit="lesson", leave=False, disable=None) as bar:
            for _ in range(count):
                ended = done.get()
                if isinstance(ended, LessonFailed):
                    raise ended
                bar.update()
                with tqdm.external_write_mode():
                    yield ended
    finally:
        for child in children:
            child.terminate()
        for thread in threads:
            thread.join()
        for child in children:
            child.wait()
