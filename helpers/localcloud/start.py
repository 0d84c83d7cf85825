"""The beginning of the daemon's process. Started by ``control``; one per home.

Usage: ``python -m helpers.localcloud.start HOME READY_FD [--while-held]``. It writes one line to
READY_FD: ``ready``, ``in use`` or why it cannot start.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from .control import HOLD
from .engine.probe import choose
from .home import Home, HomeInUse

log = logging.getLogger(__name__)


def main() -> None:
    """Runs the daemon until it is told to stop."""
    home, ready = Home(Path(sys.argv[1])), int(sys.argv[2])
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(name)s %(message)s")
    try:
        home.lock()
    except HomeInUse:
        _say(ready, "in use")
        sys.exit(1)
    try:
        # The machine is asked what it allows while everything else is being imported.
        choosing = ThreadPoolExecutor(1).submit(choose, home.subfolder("engine"))
        from .daemon import run

        asyncio.run(run(home, choosing, lambda: _say(ready, "ready"), while_held=HOLD in sys.argv))
    except Exception as error:
        log.exception("the local cloud ends")
        with contextlib.suppress(OSError):
            _say(ready, str(error) or repr(error))
        sys.exit(1)


def _say(descriptor: int, text: str) -> None:
    with contextlib.suppress(BrokenPipeError):
        os.write(descriptor, text.replace("\n", " ").encode() + b"\n")
    os.close(descriptor)


if __name__ == "__main__":
    main()
