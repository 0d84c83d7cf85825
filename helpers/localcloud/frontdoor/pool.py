"""The instances of one revision: started when requests need them, stopped when none come."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Coroutine
from contextlib import suppress
from math import ceil
from typing import Any

from ..clock import Clock, Timer
from ..engine import Engine
from .instance import Instance
from .journal import Journal
from .model import (
    Around,
    Limits,
    Probe,
    RevisionSpec,
    StartFailed,
    Surroundings,
    nothing_around,
)
from .probe import REAL_TIME

log = logging.getLogger(__name__)

TARGET = 0.6
"""The share of an instance's concurrency that the autoscaler aims at.

Source: https://docs.cloud.google.com/run/docs/about-instance-autoscaling (2026-11-24)
"""

AUTOSCALING = (
    "AUTOSCALING - Instance started due to configured scaling factors (e.g. CPU utilization,"
    " request throughput, etc.) or no existing capacity for current traffic."
)
ROLLOUT = (
    "DEPLOYMENT_ROLLOUT - Instance started due to traffic shifting between revisions due to"
    " deployment, traffic split adjustment, or deployment health check."
)
MINIMUM = (
    "MANUAL_OR_CUSTOMER_MIN_INSTANCE - Instance started because of customer-configured"
    " min-instances or manual scaling."
)

LIVED_ENOUGH = 10.0
"""Seconds after which a crashed instance is replaced at once to keep the minimum; one that
crashes sooner is replaced at the next request, so that it cannot crash in a circle."""


class NoInstance(Exception):
    """No instance became free in time; ``full`` if the revision has as many as it may have."""

    def __init__(self, *, full: bool) -> None:
        super().__init__("no available instance")
        self.full = full


class Pool:
    """A revision's instances and the requests that wait for one."""

    def __init__(
        self,
        revision: RevisionSpec,
        engine: Engine,
        clock: Clock,
        journal: Journal,
        limits: Limits,
        around: Around = nothing_around,
    ) -> None:
        self.revision = revision
        self.journal = journal
        self._engine = engine
        self._clock = clock
        self._limits = limits
        self._around = around
        self._ready: list[Instance] = []
        self._starting = 0
        self._all_started = asyncio.Event()
        self._all_started.set()
        self._timers: dict[Instance, Timer] = {}
        self._waiting: deque[asyncio.Future[Instance]] = deque()
        self._requests = 0
        self._draining = False
        self._tasks: set[asyncio.Task[None]] = set()
        self._start_seconds = 0.0
        self._start_count = 0

    # Requests

    def take(self) -> Instance | None:
        """An instance with a free place, which ``give_back`` frees again; None if there is none."""
        instance = self._occupy()
        if instance is not None:
            self._scale()
        return instance

    async def acquire(self) -> Instance:
        """Waits for an instance with a free place, starting one if the revision may have more.

        Raises NoInstance when that takes too long and StartFailed when none could be started.
        """
        if instance := self.take():
            return instance
        waiter: asyncio.Future[Instance] = asyncio.get_running_loop().create_future()
        self._waiting.append(waiter)
        self._scale()
        late = asyncio.ensure_future(self._lose_patience())
        try:
            await asyncio.wait((waiter, late), return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError:
            if waiter.done() and not waiter.exception():
                self.give_back(waiter.result())
            raise
        finally:
            late.cancel()
            if not waiter.done():
                self._waiting.remove(waiter)
                self._settle()
        if not waiter.done():
            raise NoInstance(full=self._count >= self.revision.max_instances)
        return waiter.result()

    def give_back(self, instance: Instance) -> None:
        """Frees a place."""
        instance.requests -= 1
        self._requests -= 1
        instance.idle_since = self._clock.time()
        if self._waiting:
            self._hand_out()
        self._settle()

    # Instances

    @property
    def instances(self) -> tuple[Instance, ...]:
        """The instances that are ready."""
        return tuple(self._ready)

    @property
    def empty(self) -> bool:
        """Whether nothing of it is left, not even an instance that is stopping."""
        return not self._ready and not self._starting and not self._tasks

    def serve(self, revision: RevisionSpec, labels: dict[str, str]) -> None:
        """Takes new settings and keeps as many instances as the revision asks for."""
        self.revision = revision
        self.journal.labels = labels
        self._scale(MINIMUM)

    async def check(self) -> None:
        """Starts an instance and keeps it for the first request. Raises StartFailed."""
        await self._launch(ROLLOUT)

    def drain(self) -> None:
        """Lets every request that is here finish, and stops each instance after its last one."""
        self._draining = True
        self._settle()

    async def close(self) -> None:
        """Stops everything now, with a short grace."""
        self._draining = True
        for waiter in self._waiting:
            if not waiter.done():
                waiter.set_exception(NoInstance(full=False))
        for task in self._tasks:
            task.cancel()
        for instance in self.instances:
            self._retire(instance, min(1.0, self._limits.grace))
        while self._tasks:
            await asyncio.wait(self._tasks)

    @property
    def _count(self) -> int:
        return len(self._ready) + self._starting

    def _occupy(self) -> Instance | None:
        """Takes a place at the instance with the fewest requests."""
        free: Instance | None = None
        for instance in self._ready:
            if (
                instance.requests < self.revision.concurrency
                and (free is None or instance.requests < free.requests)
                and instance.may_serve
            ):
                free = instance
        if free is not None:
            free.requests += 1
            self._requests += 1
        return free

    def _scale(self, reason: str = AUTOSCALING) -> None:
        """Starts as many instances as the requests that are here need."""
        revision = self.revision
        demand = self._requests + len(self._waiting)
        wanted = ceil(demand / max(1.0, revision.concurrency * TARGET))
        if not self._draining:
            wanted = max(wanted, revision.min_instances)
        resting = sum(not instance.may_serve for instance in self._ready)
        for _ in range(min(wanted + resting, revision.max_instances) - self._count):
            self._begin_start()
            self._in_background(self._launch_counted(reason))

    async def _launch_counted(self, reason: str) -> None:
        try:
            await self._launch(reason, counted=True)
        except StartFailed as error:
            if not self._count:
                self._refuse_all(error)
        except Exception as error:
            log.exception("an instance could not be started")
            self._refuse_all(StartFailed(repr(error)))

    async def _launch(self, reason: str, *, counted: bool = False) -> None:
        if not counted:
            self._begin_start()
        loop = asyncio.get_running_loop()
        began = loop.time()
        try:
            instance = Instance(
                *(self.revision, self.journal, self._clock),
                on_end=lambda: self._lost(instance),
                on_ready=self._hand_out,
            )
            self.journal.system(instance.id, "INFO", f"Starting new instance. Reason: {reason}")
            await instance.start(self._engine, self._surroundings(instance))
        finally:
            self._starting -= 1
            if not self._starting:
                self._all_started.set()
        self._start_seconds += loop.time() - began
        self._start_count += 1
        instance.idle_since = self._clock.time()
        self._ready.append(instance)
        self._look_later(instance, self._limits.idle)
        self._hand_out()
        self._settle()

    def _begin_start(self) -> None:
        self._starting += 1
        self._all_started.clear()

    def _surroundings(self, instance: Instance) -> Surroundings:
        try:
            return self._around(self.revision, instance.id)
        except StartFailed as error:
            self.journal.system(instance.id, "ERROR", str(error))
            raise

    def _hand_out(self) -> None:
        """Gives free places to those who wait, first come first served."""
        while self._waiting:
            if self._waiting[0].done():
                self._waiting.popleft()
                continue
            instance = self._occupy()
            if instance is None:
                return
            self._waiting.popleft().set_result(instance)

    def _refuse_all(self, error: StartFailed) -> None:
        while self._waiting:
            waiter = self._waiting.popleft()
            if not waiter.done():
                waiter.set_exception(error)

    async def _lose_patience(self) -> None:
        """Returns when a request has waited for long enough, by the cloud's clock.

        A clock that jumps leaves what is starting some real time all the same.
        """
        patience, began = self._patience(), time.monotonic()
        await self._clock.sleep(patience)
        left = began + min(patience, REAL_TIME) - time.monotonic()
        with suppress(TimeoutError):
            await asyncio.wait_for(self._all_started.wait(), max(left, 0.0))

    def _patience(self) -> float:
        """Seconds that a request waits: max(3.5 x mean start, 10 s).

        Before the first start it is as long as the start-up probe may take.
        Source: https://docs.cloud.google.com/run/docs/container-contract (2026-04-08)
        """
        if not self._start_count:
            return max(self._limits.pending, _longest(self.revision.probe))
        return max(self._limits.pending, 3.5 * self._start_seconds / self._start_count)

    # The end of instances

    def _look_later(self, instance: Instance, seconds: float) -> None:
        async def look() -> None:
            self._look(instance)

        self._timers[instance] = self._clock.after(seconds, look)

    def _look(self, instance: Instance) -> None:
        """Stops an instance that has been idle for long enough."""
        if instance not in self._ready:
            return
        longest = self._limits.idle
        idle = 0.0 if instance.requests else self._clock.time() - instance.idle_since
        if idle < longest:
            self._look_later(instance, longest - idle)
        elif len(self._ready) > self.revision.min_instances:
            self._retire(instance, self._limits.grace)
        else:
            self._look_later(instance, longest)

    def _settle(self) -> None:
        """While draining: stops the instances that have nothing left to do."""
        if self._draining:
            for instance in self.instances:
                if not instance.requests:
                    self._retire(instance, self._limits.grace)

    def _retire(self, instance: Instance, grace: float) -> None:
        self._remove(instance)
        self._in_background(instance.stop(grace))

    def _lost(self, instance: Instance) -> None:
        """An instance has ended; the next request starts another."""
        if instance in self._ready:
            self._remove(instance)
            if self._waiting:
                self._scale()
            elif self._clock.time() - instance.started >= LIVED_ENOUGH:
                self._scale(MINIMUM)

    def _remove(self, instance: Instance) -> None:
        self._ready.remove(instance)
        if timer := self._timers.pop(instance, None):
            timer.cancel()

    def _in_background(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _longest(probe: Probe) -> float:
    return probe.initial_delay + probe.failure_threshold * max(probe.period, probe.timeout)
