"""``gcloud storage cp`` goes on where a killed cloud left off, and doesn't begin again."""

from __future__ import annotations

import base64
import contextlib
import os
import random
import shutil
import signal
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import google_crc32c
import pytest

from helpers.localcloud import control
from helpers.localcloud.entering import environment
from helpers.localcloud.home import Home
from tests.faults.client import Client
from tests.plain import STARTED_IN

SIZE = 200 * 1000 * 1000
BUCKET = "half-way"
API = "https://storage.googleapis.com/storage/v1"


class Counter:
    """Stands between gcloud and the cloud's proxy, and counts the bytes that gcloud sends."""

    def __init__(self, port: int) -> None:
        self._cloud = ("127.0.0.1", port)
        self._lock = threading.Lock()
        self._server = socket.create_server(("127.0.0.1", 0), backlog=100)
        self._half: Callable[[], None] | None = None
        self.port: int = self._server.getsockname()[1]
        self.sent = 0
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()

    def at_half(self, act: Callable[[], None]) -> threading.Event:
        """Acts when half of the file has been sent, before another byte is passed on."""
        reached = threading.Event()

        def half() -> None:
            act()
            reached.set()

        self._half = half
        return reached

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._server.accept()
                try:
                    cloud = socket.create_connection(self._cloud)
                except ConnectionRefusedError:
                    client.close()
                    continue
                for ends in ((client, cloud, self._count), (cloud, client, lambda size: None)):
                    threading.Thread(target=_pump, args=ends, daemon=True).start()

    def _count(self, size: int) -> None:
        with self._lock:
            self.sent += size
            if self._half is not None and self.sent >= SIZE // 2:
                self._half()
                self._half = None


def _pump(source: socket.socket, target: socket.socket, count: Callable[[int], None]) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(1 << 16):
            count(len(data))
            target.sendall(data)
    for each in (source, target):
        with contextlib.suppress(OSError):
            each.shutdown(socket.SHUT_RDWR)


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    """A cloud of the test's own; nothing of its size stays."""
    made = Home(tmp_path / "home")
    control.connect(made, start=True, hold=False).close()
    yield made
    connection = control.connect(made, start=True, hold=False)
    connection.ask("stop")
    connection.wait_closed()
    shutil.rmtree(tmp_path)


@pytest.fixture
def counter(home: Home) -> Iterator[Counter]:
    made = Counter(home.settings().port)
    yield made
    made.close()


def test_a_large_upload_goes_on_after_a_kill(home: Home, counter: Counter, tmp_path: Path) -> None:
    """200 MB are on their way when the laptop goes flat: not all of it is sent again."""
    Client(home).call("POST", f"{API}/b?project=hands-on", json={"name": BUCKET})
    file = tmp_path / "large.bin"
    data = random.Random(1).randbytes(SIZE)
    file.write_bytes(data)
    command = ["gcloud", "storage", "cp", str(file), f"gs://{BUCKET}"]
    inside = {key: value for key, value in environment(home).items() if value is not None}
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"):
        inside[name] = inside[name].replace(f":{home.settings().port}", f":{counter.port}")
    environ = {**STARTED_IN, **inside}

    connection = control.connect(home, start=False, hold=False)
    daemon = connection.ask("status")["pid"]
    connection.close()
    killed = counter.at_half(lambda: os.kill(daemon, signal.SIGKILL))
    # gcloud would try again for many minutes: Ctrl-C, which all of its processes get, and an
    # end by force where one of them does not heed it.
    with subprocess.Popen(
        command,
        env=environ,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    ) as first:
        try:
            assert killed.wait(120)
            os.killpg(first.pid, signal.SIGINT)
            with contextlib.suppress(subprocess.TimeoutExpired):
                first.wait(30)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(first.pid, signal.SIGKILL)
    assert counter.sent >= SIZE // 2

    control.connect(home, start=True, hold=False).close()
    second = subprocess.run(
        command, env=environ, capture_output=True, text=True, timeout=180, check=False
    )
    assert second.returncode == 0, second.stderr
    assert "Resuming upload for" in second.stderr
    print(f"{counter.sent:,} bytes were sent for {SIZE:,}")
    assert counter.sent < 1.5 * SIZE
    crc32c = base64.b64encode(google_crc32c.Checksum(data).digest()).decode()
    uploaded = Client(home).call("GET", f"{API}/b/{BUCKET}/o/large.bin")
    assert (uploaded["size"], uploaded["crc32c"]) == (str(SIZE), crc32c)
    # The parts that gcloud sends side by side are no objects any more.
    left = Client(home).call("GET", f"{API}/b/{BUCKET}/o")["items"]
    assert [each["name"] for each in left] == ["large.bin"]
