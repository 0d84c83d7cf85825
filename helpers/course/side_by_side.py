"""Several lessons at a time: each in a process of its own, which starts a cloud of its own."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import CancelledError, ThreadPoolExecutor
from threading import Event

from tqdm import tqdm

from helpers.course.execution import LessonFailed


def executed(
    command: Sequence[str], lessons: Sequence[str], at_once: int
) -> Iterator[tuple[str, float]]:
    """Execute each lesson by ``command`` and its name; yield it, in order, and its seconds.

    Where standard error is a terminal, a bar shows how many are done. When one fails, or the
    caller ends, those that are being executed are asked to end, which cleans up after them, and no
    other begins.

    Args:
        command: executes the lesson whose name is put behind it.
        lessons: their names.
        at_once: how many are executed at a time.

    Raises:
        LessonFailed: a command's status was not zero; the text is what it printed.
    """
    children: list[subprocess.Popen[str]] = []
    ending = Event()

    def execute(lesson: str) -> float:
        if ending.is_set():
            raise CancelledError
        begun = time.monotonic()
        with subprocess.Popen(
            [*command, lesson],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        ) as child:
            children.append(child)
            said, _ = child.communicate()
        if child.returncode:
            ending.set()
            raise LessonFailed(said.strip())
        return time.monotonic() - begun

    with (
        ThreadPoolExecutor(at_once) as pool,
        tqdm(total=len(lessons), unit="lesson", leave=False, disable=None) as bar,
    ):
        futures = [pool.submit(execute, lesson) for lesson in lessons]
        for future in futures:
            future.add_done_callback(lambda _: bar.update())
        try:
            for lesson, future in zip(lessons, futures, strict=True):
                seconds = future.result()
                with tqdm.external_write_mode():
                    yield lesson, seconds
        except BaseException:
            ending.set()
            for child in children:
                child.terminate()
            raise
