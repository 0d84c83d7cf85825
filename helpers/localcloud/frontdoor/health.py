"""Liveness and readiness probes: made again and again from an instance's start to its end.

Source: https://docs.cloud.google.com/run/docs/configuring/healthchecks (read 2026-11-25)
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from ..clock import Clock, Timer
from ..engine import Container
from ..unrecorded import not_receiving, receiving_again
from .model import Probe, RevisionSpec
from .probe import Say, failed, look, succeeded

SHUT_DOWN = "The instance has been shut down."
ANSWERED_SOON = 1.0
"""Real seconds that the cloud's clock waits for a probe before it goes on without it."""


class Health:
    """The probes of one started instance; ``is_ready`` is whether it may get requests.

    ``shut_down`` is called when the liveness probe has failed, ``ready`` when the readiness probe
    has succeeded again.
    """

    def __init__(
        self,
        container: Container,
        revision: RevisionSpec,
        clock: Clock,
        say: Say,
        shut_down: Callable[[], None],
        ready: Callable[[], None],
    ) -> None:
        self.is_ready = True
        self._revision = revision
        self._say = say
        self._shut_down = shut_down
        self._ready = ready
        self._was_alive = False
        told = ((revision.liveness, self._liveness), (revision.readiness, self._readiness))
        self._probes = [Repeated(container, probe, clock, tell) for probe, tell in told if probe]

    def stop(self) -> None:
        """Makes no probe any more."""
        for probe in self._probes:
            probe.stop()

    def _liveness(self, probe: Probe, count: int, trouble: str | None) -> None:
        if trouble is None and not self._was_alive:
            self._was_alive = True
            self._say("INFO", succeeded("LIVENESS", self._revision, probe, count))
        elif trouble is not None and count == probe.failure_threshold:
            outcome = SHUT_DOWN + trouble
            self._say("ERROR", failed("LIVENESS", self._revision, probe, count, outcome))
            self.stop()
            self._shut_down()

    def _readiness(self, probe: Probe, count: int, trouble: str | None) -> None:
        if trouble is None and not self.is_ready and count >= probe.success_threshold:
            self.is_ready = True
            self._say(
                "INFO", succeeded("READINESS", self._revision, probe, count) + receiving_again()
            )
            self._ready()
        elif trouble is not None and self.is_ready and count >= probe.failure_threshold:
            self.is_ready = False
            outcome = not_receiving() + trouble
            self._say("WARNING", failed("READINESS", self._revision, probe, count, outcome))


class Repeated:
    """One probe that is made once a period of the cloud's clock.

    ``told`` gets the probe, how often in a row it came out so, and what was wrong: see ``look``.
    """

    def __init__(
        self,
        container: Container,
        probe: Probe,
        clock: Clock,
        told: Callable[[Probe, int, str | None], None],
    ) -> None:
        self._container = container
        self._probe = probe
        self._clock = clock
        self._told = told
        self._count = 0
        self._went_well: bool | None = None
        self._stopped = False
        self._task: asyncio.Task[None] | None = None
        self._timer: Timer = clock.after(probe.initial_delay, self._due)

    def stop(self) -> None:
        """Ends it."""
        self._stopped = True
        self._timer.cancel()
        if self._task is not None and self._task is not asyncio.current_task():
            self._task.cancel()

    async def _due(self) -> None:
        # Timers run one after another: an app that hangs must not keep the others from running.
        self._task = asyncio.get_running_loop().create_task(self._look())
        await asyncio.wait((self._task,), timeout=ANSWERED_SOON)

    async def _look(self) -> None:
        probe, clock = self._probe, self._clock
        due = clock.time() + probe.period
        try:
            trouble = await look(self._container, probe, asyncio.sleep(probe.timeout))
        except OSError:
            trouble = ""
        if self._stopped:
            return
        self._timer = clock.after(max(0.0, due - clock.time()), self._due)
        well = trouble is None
        self._count = self._count + 1 if well == self._went_well else 1
        self._went_well = well
        self._told(probe, self._count, trouble)
