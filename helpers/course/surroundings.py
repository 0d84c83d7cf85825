"""What a run of the course is surrounded by: scratch folders and, unless on Google, a cloud."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from helpers.course.catalogue import CourseError
from helpers.exercises import PROGRESS


@contextmanager
def scratch_folder(prefix: str) -> Iterator[Path]:
    """A temporary folder; at the end it goes, with what was made unwritable in it."""
    folder = Path(tempfile.mkdtemp(prefix=prefix))
    try:
        yield folder
    finally:
        for path, folders, _ in os.walk(folder):
            for name in folders:
                if not os.path.islink(os.path.join(path, name)):
                    os.chmod(os.path.join(path, name), 0o700)
        shutil.rmtree(folder)


@contextmanager
def environment(changes: Mapping[str, str]) -> Iterator[None]:
    """Set environment variables; put the old values back at the end."""
    old = {name: os.environ.get(name) for name in changes}
    os.environ.update(changes)
    try:
        yield
    finally:
        for name, value in old.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def own_jupyter(folder: Path) -> dict[str, str]:
    """Return the variables that keep Jupyter away from the user's own set-up.

    Kernels are those of this Python, whatever the user has installed; run-time files, IPython's
    start-up files, matplotlib's cache and the progress of the exercises are in ``folder``, so no
    home folder is needed.
    """
    return {
        "JUPYTER_PATH": str(Path(sys.prefix, "share", "jupyter")),
        "JUPYTER_PREFER_ENV_PATH": "1",
        "JUPYTER_CONFIG_DIR": str(folder / "jupyter"),
        "JUPYTER_RUNTIME_DIR": str(folder / "jupyter" / "runtime"),
        "IPYTHONDIR": str(folder / "ipython"),
        "MPLCONFIGDIR": str(folder / "matplotlib"),
        PROGRESS: str(folder / "progress.json"),
    }


@contextmanager
def fresh_cloud() -> Iterator[None]:
    """A local cloud in a temporary home, for this process and its children.

    It is stopped and forgotten at the end, after a failure and after Ctrl-C too.

    Raises:
        CourseError: the local cloud did not start, or did not stop; the text is what it said.
    """
    with (
        scratch_folder("course-") as folder,
        environment({"LOCALCLOUD_HOME": str(folder / "home")}),
    ):
        try:
            _localcloud("up")
            yield
        except BaseException:
            with _undisturbed(), suppress(CourseError):
                _localcloud("reset", "--yes")
            raise
        with _undisturbed():
            _localcloud("reset", "--yes")


def _localcloud(*arguments: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "helpers.localcloud", *arguments],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    if done.returncode:
        raise CourseError(f"localcloud {arguments[0]} failed:\n{done.stdout.strip()}")


@contextmanager
def _undisturbed() -> Iterator[None]:
    """Leave Ctrl-C and a request to end unheard, so that stopping is not itself stopped."""
    numbers = (signal.SIGINT, signal.SIGTERM)
    old = {number: signal.signal(number, signal.SIG_IGN) for number in numbers}
    try:
        yield
    finally:
        for number, handler in old.items():
            signal.signal(number, handler)
