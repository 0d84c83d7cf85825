"""What one running local cloud is made of."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, ParamSpec, TypeVar
from weakref import WeakValueDictionary

from . import samples
from .builder.build import Builder
from .clock import Clock
from .engine import Engine
from .engine.base import Base
from .engine.layers import Layers
from .frontdoor.door import FrontDoor
from .home import Home
from .identity.accounts import Accounts
from .identity.credentials import write_credentials
from .identity.keys import Keys
from .identity.policies import Policies
from .identity.tokens import Tokens
from .logs import Logs
from .names import Ids
from .network.vpc import Vpc
from .registry.blobs import Blobs
from .registry.repositories import Repositories
from .store import Store

P = ParamSpec("P")
R = TypeVar("R")


@dataclass(frozen=True)
class Seen:
    """One request that an API answered, for ``localcloud log``. ``seconds`` is how long it took."""

    time: float
    method: str
    what: str
    status: str
    seconds: float


class Cloud:
    """The state and the machinery that the APIs work on. One object a daemon."""

    def __init__(self, home: Home, engine: Engine) -> None:
        self.home = home
        settings = home.settings()
        self.store = Store(home.database)
        saved = self.store.get("clock", "offset") or {"seconds": 0.0}
        self.clock = Clock(
            saved["seconds"],
            lambda seconds: self.store.put("clock", "offset", {"seconds": seconds}),
        )
        self.ids = Ids(settings.seed)
        self.logs = Logs(self.store, self.clock)
        self.accounts = Accounts(self.store, self.clock, self.ids)
        self.policies = Policies(self.store, self.clock, self.accounts)
        self.keys = Keys(home.subfolder("keys"))
        self.tokens = Tokens(self.store, self.clock, self.keys, self.accounts)
        self.vpc = Vpc(self.store, self.clock, self.ids, self.accounts)
        self.blobs = Blobs(home.subfolder("blobs"))
        self.layers = Layers(home.subfolder("layers"), self.blobs)
        self.engine = engine
        self.base = Base(home.subfolder("base"), self.layers, self.blobs)
        self.repositories = Repositories(
            self.store, self.clock, self.blobs, self.accounts, self.policies
        )
        self.builder = Builder(
            self.engine, self.blobs, self.layers, self.base, home.subfolder("wheels")
        )
        self.door = FrontDoor(self.clock, self.logs, self.tokens, self.policies, self.engine)
        self._workers = ThreadPoolExecutor(4, "worker")
        self.seen: deque[Seen] = deque(maxlen=1000)
        self._tasks: set[asyncio.Task[Any]] = set()
        self.running_builds: dict[str, Callable[[], None]] = {}
        self.operation_waiters: dict[str, list[asyncio.Event]] = {}
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._samples: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Writes what whoever enters is handed. Called once the home's proxy is there."""
        write_credentials(self.home, self.tokens, self.accounts)

    def warm(self) -> None:
        """Makes in the background what the first deployment needs, so that it need not wait."""
        self.in_background(self.samples_ready())

    def lock(self, name: str) -> asyncio.Lock:
        """The lock that makes changes of one resource happen one after another."""
        return self._locks.setdefault(name, asyncio.Lock())

    async def samples_ready(self) -> None:
        """Returns when the public sample images exist; makes them at the first call."""
        if self._samples is None:
            self._samples = self.in_background(self._make_samples())
        await asyncio.shield(self._samples)

    async def _make_samples(self) -> None:
        if all(self.repositories.has(name) for name in samples.HELLO):
            return
        image = await samples.build_hello(self.builder)
        for name in samples.HELLO:
            self.repositories.publish(name, image.digest)

    async def in_worker(self, function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Runs a blocking function off the event loop."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._workers, lambda: function(*args, **kwargs))

    def in_background(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Starts work that outlives the request; ``close`` cancels what is left of it."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def close(self) -> None:
        """Stops every instance and all background work."""
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.door.close()
        await self.engine.close()
        self.logs.flush()
        self._workers.shutdown(wait=False, cancel_futures=True)
        self.store.close()
