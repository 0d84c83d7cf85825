"""A container without namespaces: where its files, its packages and its port come from, its end."""

from __future__ import annotations

import asyncio
import os
import platform
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from helpers.localcloud.engine import CannotStart, Command, Exit, NotServed, Rootfs
from helpers.localcloud.engine.folder import move_changes, rooted, snapshot, unrooted
from helpers.localcloud.engine.gate import is_mine
from helpers.localcloud.engine.layers import is_whiteout
from helpers.localcloud.engine.process import Process
from helpers.localcloud.engine.wheels import wheels
from tests.engine.bench import PATIENCE, Bench, Output, ask, listening, until
from tests.engine.test_sandbox import SERVER, hello, server
from tests.engine.test_sandbox import snapshot as contents

APP = """
import os
from flask import Flask
app = Flask(__name__)
@app.get("/")
def port():
    return os.environ["PORT"]
"""
OFFLINE = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": "/run/wheels", "PYTHONDONTWRITEBYTECODE": "1"}


class Bare(Bench):
    """The bench whose engine has no namespaces."""

    def __init__(self, bench: Bench) -> None:
        self.__dict__.update(bench.__dict__)

    @asynccontextmanager
    async def engine(self) -> AsyncIterator[Process]:  # type: ignore[override]
        engine = Process(self.folder / "bare")
        try:
            yield engine
        finally:
            await engine.close()

    def with_app(self, **files: str) -> Rootfs:
        """The base image with files below /app; ``name__py`` is name.py."""
        layer = self.layers.new()
        for name, text in files.items():
            file = layer / "app" / name.replace("__", ".")
            file.parent.mkdir(exist_ok=True)
            file.write_text(text)
        return Rootfs((*self.rootfs.lowers, layer))

    async def installed(self, rootfs: Rootfs, line: str, engine: Bench) -> tuple[Rootfs, Output]:
        """An image with what a RUN line installs from this environment's wheels."""
        found = self.folder / "wheels"
        wheels(found, ["flask", "gunicorn"])
        upper, output = self.layers.new(), Output()
        command = Command(("/bin/sh", "-c", line), self.env | OFFLINE, "/app")
        async with engine.engine() as runner:
            end = await runner.run(rootfs, upper, command, output, binds={"/run/wheels": found})
        assert end == Exit(0), output.lines
        layer = self.layers.commit(upper)
        assert layer is not None
        return Rootfs((*rootfs.lowers, self.layers.layer(layer["digest"]))), output


@pytest.fixture(scope="module")
def bare(bench: Bench) -> Bare:
    return Bare(bench)


@pytest.fixture(scope="module")
def flask(bare: Bare) -> tuple[Rootfs, Output]:
    """An image with an app and its packages."""
    rootfs = bare.with_app(app__py=APP, requirements__txt="flask\n")
    line = "pip install --no-cache-dir -r requirements.txt && python3 -m pip install gunicorn"
    return asyncio.run(bare.installed(rootfs, line, bare))


def test_every_instance_answers_on_a_port_of_its_own(bare: Bare) -> None:
    async def main() -> None:
        async with bare.engine() as engine:
            output = Output()
            specs = [
                bare.spec("python3", "-c", SERVER, env=server(name), output=output)
                for name in ("one", "two")
            ]
            containers = await asyncio.gather(*map(engine.start, specs))
            await asyncio.gather(*map(listening, containers))
            answers = [await ask(container) for container in containers]
            assert [answer.rpartition(b"\r\n")[2] for answer in answers] == [b"one", b"two"]
            told = [line for line in output.stderr if "PORT=" in line]
            assert len(set(told)) == 2 and all("not 8080" in line for line in told)

    asyncio.run(main())


@pytest.mark.parametrize(
    "argv",
    [
        ("/bin/sh", "-c", "exec gunicorn --bind :$PORT --threads 2 app:app"),
        ("/bin/sh", "-c", "/usr/local/bin/flask run --host='0.0.0.0' --port=$PORT"),
        ("gunicorn", "--chdir=/app", "app:app"),
        ("python", "-m", "gunicorn", "app:app"),
    ],
    ids=["shell form", "the path of a script", "exec form", "module"],
)
def test_an_app_is_served_however_its_image_names_the_program(
    bare: Bare, flask: tuple[Rootfs, Output], argv: tuple[str, ...]
) -> None:
    async def main() -> None:
        async with bare.engine() as engine:
            output = Output()
            where = {"rootfs": flask[0], "cwd": "/app", "env": {"PORT": "8080"}}
            container = await engine.start(bare.spec(*argv, output=output, **where))
            try:
                await listening(container)
            except AssertionError as error:
                raise AssertionError(output.lines) from error
            assert (await ask(container)).startswith(b"HTTP/1.")
            assert container.memory_used() > 1 << 20

    asyncio.run(main())


def test_pip_leaves_the_layer_that_the_sandbox_would_leave(
    bare: Bare, bench: Bench, flask: tuple[Rootfs, Output]
) -> None:
    rootfs = Rootfs(flask[0].lowers[:-1])
    theirs, _ = asyncio.run(bare.installed(rootfs, "pip install -q flask gunicorn", bench))
    ours, named = flask[0].lowers[-1], theirs.lowers[-1]

    def files(layer: Path) -> set[str]:
        found = {str(path.relative_to(layer)) for path in layer.rglob("*") if path.is_file()}
        return {name for name in found if not name.endswith(("REQUESTED", ".pyc"))}

    assert files(ours) == files(named)
    for name in ("flask", "gunicorn"):
        script = f"usr/local/bin/{name}"
        assert (ours / script).read_bytes() == (named / script).read_bytes()
        assert (ours / script).stat().st_mode == (named / script).stat().st_mode
    assert not any(str(bare.folder) in line for _, line in flask[1].lines)
    assert "Looking in links: /run/wheels" in flask[1].stdout


def test_packages_are_the_images_and_not_the_environments(
    bare: Bare, flask: tuple[Rootfs, Output]
) -> None:
    look = ("python", "-c", "import flask; print('found')")
    assert asyncio.run(bare.output_of(*look, rootfs=flask[0])) == ["found"]
    with pytest.raises(AssertionError, match="No module named 'flask'"):
        asyncio.run(bare.output_of(*look))


def test_changes_are_gone_with_the_container_and_layers_stay_as_they_were(bare: Bare) -> None:
    rootfs = bare.with_app(data__txt="as built\n", main__py="")
    change = "cat data.txt && echo more >> /app/data.txt && rm main.py"
    before = [contents(lower) for lower in rootfs.lowers]
    for _ in range(2):
        lines = asyncio.run(bare.output_of("sh", "-c", change, rootfs=rootfs, cwd="/app"))
        assert lines == ["as built"]
    assert [contents(lower) for lower in rootfs.lowers] == before
    assert list((bare.folder / "bare/process").iterdir()) == []


def test_paths_of_the_image_are_found_and_paths_of_the_machine_stay(bare: Bare) -> None:
    main = "import sys, os, lib; print(lib.X, os.environ['CONFIG'].endswith('root/app/new.txt'))"
    rootfs = bare.with_app(main__py=main, lib__py="X = 7")
    env = {"PYTHONPATH": "/app:/nowhere", "CONFIG": "/app/new.txt"}
    where = {"rootfs": rootfs, "cwd": "/deep/er", "env": env}
    assert asyncio.run(bare.output_of("python", "/app/main.py", **where)) == ["7 True"]
    shell = "python /app/main.py < /dev/null; echo /health http://x/app $PWD"
    lines = asyncio.run(bare.output_of("/bin/sh", "-c", shell, **where))
    assert lines[0] == "7 True"
    assert lines[1].startswith("/health http://x/app /")
    assert lines[1].endswith("/root/deep/er")


@pytest.mark.parametrize(
    "line",
    [
        "apk add --update netcat-openbsd",
        "touch {marker}",
        "pip install flask; touch {marker}",
        "pip install flask > {marker}",
        "pip install $(touch {marker})",
        "pip install flask || touch {marker}",
        "pip install --target /elsewhere flask",
        "pip install -e .",
        "pip install .",
        "pip install /run/wheels/x.whl",
        "pip download flask",
    ],
)
def test_a_run_line_that_is_more_than_pip_install_is_refused_and_not_executed(
    bare: Bare, tmp_path: Path, line: str
) -> None:
    marker, upper = tmp_path / "marker", bare.layers.new()

    async def main() -> None:
        async with bare.engine() as engine:
            command = Command(("/bin/sh", "-c", line.format(marker=marker)), bare.env)
            with pytest.raises(NotServed, match="needs the sandbox engine"):
                await engine.run(bare.rootfs, upper, command, Output())

    asyncio.run(main())
    assert not marker.exists()
    assert list(upper.iterdir()) == []
    bare.layers.discard(upper)


def test_what_a_build_step_deletes_is_deleted_in_the_layer(tmp_path: Path) -> None:
    root, upper = tmp_path / "root", tmp_path / "upper"
    for path in ("old/a", "old/b", "kept/c", "kept/d"):
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(path)
    upper.mkdir()
    before = snapshot(root)
    for path in ("old/a", "old/b", "kept/c"):
        (root / path).unlink()
    (root / "old").rmdir()
    move_changes(root, before, upper)
    assert sorted(str(path.relative_to(upper)) for path in upper.rglob("*")) == [
        "kept",
        "kept/c",
        "old",
    ]
    assert is_whiteout((upper / "old").lstat())
    assert is_whiteout((upper / "kept/c").lstat())


def test_a_script_runs_from_a_folder_with_blanks_and_a_long_name(tmp_path: Path) -> None:
    root = tmp_path / ("a folder " * 20).strip()
    program = root / "usr/local/bin/python3"
    program.parent.mkdir(parents=True)
    program.symlink_to(sys.executable)
    script = b"#!/usr/local/bin/python3\nprint('it runs')\n"
    file = tmp_path / "script"
    file.write_bytes(rooted(script, root))
    file.chmod(0o755)
    assert subprocess.run([file], capture_output=True, check=True).stdout == b"it runs\n"
    assert unrooted(file.read_bytes(), root) == script


def test_sigterm_lets_a_program_finish_and_its_helpers_go_too(bare: Bare) -> None:
    async def main() -> None:
        output = Output()
        program = (
            "trap 'echo bye; exit 7' TERM;"
            "setsid sh -c 'trap \"\" TERM; echo $$; exec sleep 1000' &"
            "sleep 1000 & echo $!; while :; do wait; done"
        )
        async with bare.engine() as engine:
            container = await engine.start(bare.spec("sh", "-c", program, output=output))
            await until(lambda: len(output.stdout) == 2)
            pids = list(map(int, output.stdout))
            assert await container.stop() == Exit(7)
        assert output.stdout[2:] == ["bye"]
        assert not any(is_alive(pid) for pid in pids)

    asyncio.run(main())


def is_alive(pid: int) -> bool:
    """Whether a process runs; the dead that nobody has buried yet do not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def test_a_program_that_ignores_sigterm_is_killed_after_the_grace(bare: Bare) -> None:
    async def main() -> None:
        async with bare.engine() as engine:
            output = Output()
            shell = "trap '' TERM; echo ready; while :; do sleep 0.01; done"
            container = await engine.start(bare.spec("sh", "-c", shell, output=output))
            await until(lambda: output.stdout == ["ready"])
            assert await container.stop(grace=0.1) == Exit(128 + signal.SIGKILL)
            container.kill(signal.SIGTERM)
            assert container.memory_used() == 0
            with pytest.raises(ConnectionError):
                await container.connect()

    asyncio.run(main())


DAEMON = """
import asyncio, sys
from pathlib import Path
from tests.engine.bench import Bench, Output, until
from tests.engine.test_process import Bare
async def main():
    bench = Bare(Bench(Path(sys.argv[1])))
    async with bench.engine() as engine:
        output = Output()
        spec = bench.spec("sh", "-c", sys.argv[2], output=output)
        await engine.start(spec)
        await until(lambda: len(output.stdout) == 2)
        print(*output.stdout, flush=True)
        await asyncio.Event().wait()
asyncio.run(main())
"""


def test_nothing_survives_a_daemon_that_is_killed(bare: Bare) -> None:
    shell = "setsid sh -c 'echo $$; exec sleep 1000' & echo $$; trap '' TERM; wait"
    daemon = subprocess.Popen(
        [sys.executable, "-c", DAEMON, str(bare.folder), shell],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert daemon.stdout is not None
    pids = list(map(int, daemon.stdout.readline().split()))
    assert all(map(is_alive, pids)) and len(pids) == 2
    daemon.kill()
    daemon.wait()
    asyncio.run(until(lambda: not any(map(is_alive, pids))))
    asyncio.run(until(lambda: not any((bare.folder / "bare/process").iterdir())))
    daemon.stdout.close()


def test_a_program_that_takes_too_much_memory_is_killed(bare: Bare) -> None:
    async def main() -> None:
        async with bare.engine() as engine:
            eat = "import threading; data = b'x' * (300 << 20); threading.Event().wait()"
            container = await engine.start(bare.spec("python3", "-c", eat))
            end = await asyncio.wait_for(container.exited, PATIENCE)
            assert end == Exit(128 + signal.SIGKILL, out_of_memory=True)

    asyncio.run(main())


def test_a_program_that_the_image_does_not_have_is_not_borrowed(bare: Bare) -> None:
    async def main() -> None:
        async with bare.engine() as engine:
            with pytest.raises(CannotStart, match='executable "gunicorn" in PATH'):
                await engine.start(bare.spec("gunicorn", "app:app"))
            with pytest.raises(CannotStart, match="/app/start: no such file"):
                await engine.start(bare.spec("/app/start"))
            with pytest.raises(CannotStart, match="/app/file is not a directory"):
                rootfs = bare.with_app(file="")
                await engine.start(bare.spec("true", cwd="/app/file", rootfs=rootfs))

    asyncio.run(main())


@pytest.mark.skipif(platform.machine() != "x86_64", reason="the program is for x86-64")
def test_an_image_from_scratch_runs_its_static_program(bare: Bare) -> None:
    layer = bare.layers.new()
    (layer / "hello").write_bytes(hello())
    (layer / "hello").chmod(0o755)
    assert asyncio.run(bare.output_of("/hello", rootfs=Rootfs((layer,)))) == ["hello"]


def test_an_image_with_a_system_of_its_own_is_refused_by_name(bare: Bare) -> None:
    base = bare.rootfs.lowers[0]
    other = bare.layers.new()
    for name in ("bin", "lib", "lib64"):
        os.symlink(f"usr/{name}", other / name)
    subprocess.run(["cp", "-r", base / "usr", other], check=True)
    for python in (other / "usr/local/bin").iterdir():
        python.unlink()

    async def main() -> None:
        async with bare.engine() as engine:
            with pytest.raises(NotServed, match="needs the libraries of its image"):
                await engine.start(bare.spec("/usr/bin/env", rootfs=Rootfs((other,))))

    asyncio.run(main())


def test_a_user_of_the_image_is_not_become_and_the_log_says_so(bare: Bare) -> None:
    async def main() -> None:
        async with bare.engine() as engine:
            output = Output()
            container = await engine.start(bare.spec("id", "-u", user="nobody", output=output))
            assert (await container.exited).code == 0
            assert output.stdout == [str(os.geteuid())]
            assert any("USER nobody" in line for line in output.stderr)

    asyncio.run(main())


LOOK = """
import os, sys, urllib.request
with urllib.request.urlopen("http://" + os.environ["GCE_METADATA_HOST"]) as answer:
    print(answer.read().decode())
proxy = os.environ["HTTPS_PROXY"]
secret, _, where = proxy.removeprefix("http://").partition("@")
host, port = where.split(":")
import base64, socket
for given, target in ((secret, "a.run.app:443"), ("x:y", "a.run.app:443"), (secret, "a.de:22")):
    with socket.create_connection((host, int(port))) as connection:
        head = base64.b64encode(given.encode()).decode()
        connection.sendall(f"CONNECT {target} HTTP/1.1\\r\\nHost: {target}\\r\\n"
            f"Proxy-Authorization: Basic {head}\\r\\n\\r\\n".encode())
        text = b""
        while more := connection.recv(1000):
            text += more
        print(text.decode().splitlines()[0], text.decode().splitlines()[-1])
"""


def test_what_a_program_may_reach_is_told_in_variables(bare: Bare) -> None:
    def answer(text: bytes) -> Callable[[socket.socket], None]:
        def accept(connection: socket.socket) -> None:
            connection.sendall(text)
            connection.shutdown(socket.SHUT_WR)
            connection.close()

        return accept

    def metadata(connection: socket.socket) -> None:
        async def main() -> None:
            reader, writer = await asyncio.open_connection(sock=connection)
            await reader.readuntil(b"\r\n\r\n")
            writer.write(b"HTTP/1.0 200 OK\r\n\r\nmetadata")
            writer.close()

        tasks.append(asyncio.ensure_future(main()))

    tasks: list[asyncio.Future[None]] = []
    reach = {("169.254.169.254", 80): metadata, ("199.36.153.8", 443): answer(b"google")}
    assert asyncio.run(bare.output_of("python", "-c", LOOK, reach=reach)) == [
        "metadata",
        "HTTP/1.1 200 Connection established google",
        "HTTP/1.1 407 Proxy Authentication Required ",
        "HTTP/1.1 502 Bad Gateway ",
    ]


def test_an_address_of_a_vpc_needs_the_sandbox(bare: Bare) -> None:
    async def main() -> None:
        async with bare.engine() as engine:
            reach = {("10.128.0.5", 5432): socket.socket.close}
            with pytest.raises(NotServed, match=r"10\.128\.0\.5:5432 .* needs the sandbox engine"):
                await engine.start(bare.spec("true", reach=reach))

    asyncio.run(main())


def test_a_connection_of_another_user_is_not_yours(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else every user of the machine could fetch tokens of the account that an app runs as."""
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        socket.create_connection(server.getsockname()),
        server.accept()[0] as connection,
    ):
        assert is_mine(connection)
        monkeypatch.setattr("os.geteuid", lambda: os.getuid() + 1)
        assert not is_mine(connection)
