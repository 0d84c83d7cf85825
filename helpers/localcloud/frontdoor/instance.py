"""One instance of a revision: a container, the connections to it, and its end."""

from __future__ import annotations

import asyncio
import secrets
import signal
from collections.abc import Callable

from ..clock import Clock
from ..engine import CannotStart, Command, Container, ContainerSpec, Engine, Exit
from ..unrecorded import cannot_run
from .health import Health
from .journal import Journal
from .model import RevisionSpec, StartFailed, Surroundings
from .probe import end_line, memory_line, not_executed, until_ready
from .upstream import Upstream

KEPT_IDLE = 1.0
"""Seconds that an idle connection is kept. Short: a server with one thread serves nobody else
while it waits for this connection's next request."""

KNOWN_SOON = 0.5
"""Seconds in which the end of a container follows the end of its connections."""

SAMPLED_EVERY = 10.0
"""Seconds between two sampled traces: https://docs.cloud.google.com/run/docs/trace (2026-11-24)."""


class Instance:
    """An instance that is starting, serving or stopping. ``requests`` is how many it answers."""

    def __init__(
        self,
        revision: RevisionSpec,
        journal: Journal,
        clock: Clock,
        *,
        on_end: Callable[[], None],
        on_ready: Callable[[], None],
    ) -> None:
        self.id = "00" + secrets.token_hex(72)
        self.revision = revision
        self.started = clock.time()
        self.requests = 0
        self.idle_since = self.started
        self._loop = asyncio.get_running_loop()
        self.stopping = False
        self._journal = journal
        self._clock = clock
        self._on_end = on_end
        self._on_ready = on_ready
        self._health: Health | None = None
        self._container: Container | None = None
        self._idle: list[Upstream] = []
        self._sweep: asyncio.TimerHandle | None = None
        self._sampled = 0.0

    async def start(self, engine: Engine, around: Surroundings) -> None:
        """Starts the container and waits for its start-up probe. Raises StartFailed."""
        try:
            await self._start(engine, around)
        except BaseException:
            if self._container is None:
                around.release()
            raise

    async def _start(self, engine: Engine, around: Surroundings) -> None:
        try:
            self._container = await engine.start(self._spec(around))
        except CannotStart as error:
            not_executed(self.revision, self._system, str(error))
            raise StartFailed(str(error)) from error
        except (OSError, RuntimeError, ValueError) as error:
            self._system("ERROR", cannot_run(str(error)))
            raise StartFailed(f"this machine cannot run it: {error}") from error
        self._container.exited.add_done_callback(lambda _: around.release())
        try:
            await until_ready(self._container, self.revision, self._clock, self._system)
        except BaseException as error:
            self.stopping = True
            await asyncio.shield(self._container.stop(0))
            if isinstance(error, OSError):
                raise StartFailed(f"this machine cannot run it: {error}") from error
            raise
        if self.revision.liveness or self.revision.readiness:
            self._health = Health(
                *(self._container, self.revision, self._clock, self._system),
                shut_down=self._shut_down,
                ready=self._on_ready,
            )
        self._container.exited.add_done_callback(self._exited)

    @property
    def may_serve(self) -> bool:
        """Whether it may get requests: its probes have not told otherwise."""
        return self._health is None or (self._health.is_ready and not self.stopping)

    def sample(self, now: float) -> bool:
        """Whether this request's trace is recorded; ``now`` in seconds of any steady clock."""
        if now - self._sampled < SAMPLED_EVERY:
            return False
        self._sampled = now
        return True

    def idle_connection(self) -> Upstream | None:
        """A connection that an earlier request has left, or None."""
        return self._idle.pop() if self._idle else None

    async def connect(self) -> Upstream:
        """A new connection. Raises OSError when the container does not listen any more."""
        assert self._container is not None
        connection = await self._container.connect()
        _, upstream = await self._loop.create_connection(lambda: Upstream(self), sock=connection)
        return upstream

    def keep(self, upstream: Upstream) -> None:
        """Takes back a connection that can be used again."""
        upstream.used_until = self._loop.time()
        self._idle.append(upstream)
        if self._sweep is None:
            self._sweep = self._loop.call_later(KEPT_IDLE, self._close_idle)

    def forget(self, upstream: Upstream) -> None:
        """Drops an idle connection that the app has closed."""
        if upstream in self._idle:
            self._idle.remove(upstream)

    async def end(self, *, soon: bool = False) -> Exit | None:
        """How the container has ended, or None if it runs; ``soon`` waits a moment for it."""
        assert self._container is not None
        exited = self._container.exited
        if soon and not exited.done():
            await asyncio.wait((exited,), timeout=KNOWN_SOON)
        return exited.result() if exited.done() else None

    async def stop(self, grace: float) -> None:
        """SIGTERM, and SIGKILL after ``grace`` seconds. Returns when it has ended."""
        self.stopping = True
        self._stop_probes()
        self._drop_connections()
        if self._container is not None:
            await self._container.stop(grace)

    def _spec(self, around: Surroundings) -> ContainerSpec:
        revision = self.revision
        env = {
            **around.env,
            **revision.env,
            "PORT": str(revision.port),
            "K_SERVICE": revision.service,
            "K_REVISION": revision.name,
            "K_CONFIGURATION": revision.service,
        }
        return ContainerSpec(
            name=revision.container,
            rootfs=revision.rootfs,
            command=Command(revision.argv, env, revision.cwd, revision.user),
            port=revision.port,
            memory=revision.memory,
            cpu=revision.cpu,
            on_output=lambda stream, line: self._journal.output(self.id, stream, line),
            reach=around.reach,
            datagrams=around.datagrams,
            uplink=around.uplink,
            binds=around.binds,
        )

    def _system(self, severity: str, text: str) -> None:
        self._journal.system(self.id, severity, text)

    def _shut_down(self) -> None:
        """The end of an instance whose liveness probe has failed."""
        assert self._container is not None
        self.stopping = True
        self._container.kill(signal.SIGKILL)

    def _stop_probes(self) -> None:
        if self._health is not None:
            self._health.stop()

    def _exited(self, exited: asyncio.Future[Exit]) -> None:
        self._stop_probes()
        self._drop_connections()
        if not self.stopping:
            end = exited.result()
            if end.out_of_memory:
                self._system("ERROR", memory_line(self.revision))
            self._journal.system(self.id, "WARNING", end_line(end), container=True)
        self._on_end()

    def _drop_connections(self) -> None:
        if self._sweep is not None:
            self._sweep.cancel()
            self._sweep = None
        idle, self._idle = self._idle, []
        for upstream in idle:
            upstream.close()

    def _close_idle(self) -> None:
        """Closes the connections that nobody has used for a while, and comes again."""
        cutoff = self._loop.time() - KEPT_IDLE
        old = [upstream for upstream in self._idle if upstream.used_until <= cutoff]
        self._idle = [upstream for upstream in self._idle if upstream.used_until > cutoff]
        for upstream in old:
            upstream.close()
        self._sweep = None
        if self._idle:
            self._sweep = self._loop.call_later(KEPT_IDLE, self._close_idle)
