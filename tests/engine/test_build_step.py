"""A RUN line: what it changes becomes a layer, and nothing else does."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import stat
import tarfile
from pathlib import Path
from typing import Any

import pytest

from helpers.localcloud.engine import CannotStart, Command, Exit, Rootfs
from helpers.localcloud.engine.layers import Layers
from helpers.localcloud.engine.wheels import wheels
from helpers.localcloud.registry.image import Image
from tests.engine.bench import PATIENCE, Bench, Output, ask, is_root, listening, until


def names(bench: Bench, digest: str) -> list[str]:
    with tarfile.open(bench.blobs.path(digest)) as archive:
        return archive.getnames()


async def run(
    bench: Bench, rootfs: Rootfs, *argv: str, **options: Any
) -> tuple[dict[str, Any] | None, Output]:
    """One step; its layer's descriptor."""
    upper, output = bench.layers.new(), Output()
    async with bench.engine() as engine:
        end = await engine.run(rootfs, upper, Command(argv, bench.env), output, **options)
    assert end == Exit(0), output.lines
    return bench.layers.commit(upper), output


def test_a_step_adds_changes_and_deletes(bench: Bench) -> None:
    script = """
    set -e
    mkdir /srv/new; echo hello > /srv/new/file; chmod 700 /srv/new/file
    echo more >> /etc/group
    rm /etc/login.defs || touch /etc/login.defs
    rm -r /usr/share/zoneinfo; mkdir /usr/share/zoneinfo; touch /usr/share/zoneinfo/ours
    ln -s file /srv/new/link; ln /srv/new/file /srv/new/hard
    mv /var/tmp /var/moved
    """

    async def main() -> None:
        layer, _ = await run(bench, bench.rootfs, "sh", "-c", script)
        assert layer is not None
        found = names(bench, layer["digest"])
        assert "srv/new/file" in found
        assert "usr/share/zoneinfo/.wh..wh..opq" in found
        assert "var/.wh.tmp" in found
        # Unpacked anew, as on another machine, it is the same.
        again = Layers(bench.folder / "again", bench.blobs)
        for layers in (bench.layers, again):
            rootfs = Rootfs((*bench.rootfs.lowers, layers.layer(layer["digest"])))
            look = (
                "cat /srv/new/hard; stat -c '%a %h' /srv/new/file; readlink /srv/new/link;"
                "ls -A /usr/share/zoneinfo /var; tail -n1 /etc/group"
            )
            lines = await bench.output_of("sh", "-c", look, rootfs=rootfs)
            assert lines == [
                "hello",
                "700 2",
                "file",
                "/usr/share/zoneinfo:",
                "ours",
                "",
                "/var:",
                "log",
                "moved",
                "more",
            ]

    asyncio.run(main())


def test_steps_build_on_each_other(bench: Bench) -> None:
    async def main() -> None:
        layers = list(bench.image.layers)
        for script in ("echo one > /srv/a", "echo two >> /srv/a; echo b > /srv/b", "rm /srv/b"):
            rootfs = bench.layers.rootfs(Image("", {}, tuple(layers)))
            layer, _ = await run(bench, rootfs, "sh", "-c", script)
            assert layer is not None
            layers.append(layer)
        rootfs = bench.layers.rootfs(Image("", {}, tuple(layers)))
        lines = await bench.output_of("sh", "-c", "cat /srv/a; ls /srv", rootfs=rootfs)
        assert lines == ["one", "two", "a"]

    asyncio.run(main())


def test_a_step_that_changes_nothing_makes_no_layer(bench: Bench, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")

    async def main() -> None:
        binds = {"/deep/er/wheels": tmp_path, "/etc/hosts": tmp_path / "file"}
        layer, output = await run(
            bench, bench.rootfs, "cat", "/deep/er/wheels/file", "/etc/hosts", binds=binds
        )
        assert output.stdout == ["xx"]
        assert layer is None

    asyncio.run(main())


def test_places_to_mount_on_do_not_become_part_of_an_image(bench: Bench) -> None:
    async def main() -> None:
        rootfs = Rootfs((*bench.rootfs.lowers, without(bench, "proc", "dev", "etc")))
        upper = bench.layers.new()
        async with bench.engine() as engine:
            command = Command(("sh", "-c", "ls -d /proc /dev /etc/hosts"), bench.env)
            output = Output()
            assert await engine.run(rootfs, upper, command, output) == Exit(0), output.lines
        assert output.stdout == ["/dev", "/etc/hosts", "/proc"]
        assert list(upper.iterdir()) == []

    asyncio.run(main())


def without(bench: Bench, *gone: str) -> Path:
    """A layer in which folders of the base are deleted."""
    layer = bench.layers.new()
    for name in gone:
        os.mknod(layer / name, stat.S_IFCHR, 0)
    return layer


def test_the_exit_status_is_told(bench: Bench) -> None:
    async def main() -> None:
        async with bench.engine() as engine:
            for script, code in (("exit 42", 42), ("kill -9 $$; exit 5", 5)):
                command = Command(("sh", "-c", script), bench.env)
                end = await engine.run(bench.rootfs, bench.layers.new(), command, Output())
                assert end == Exit(code)

    asyncio.run(main())


def test_a_step_can_be_stopped(bench: Bench) -> None:
    async def main() -> None:
        stop, output = asyncio.Event(), Output()
        async with bench.engine() as engine:
            command = Command(("sh", "-c", "echo here; sleep 1000"), bench.env)
            step = asyncio.create_task(
                engine.run(bench.rootfs, bench.layers.new(), command, output, stop=stop)
            )
            await until(lambda: output.stdout == ["here"])
            stop.set()
            assert await asyncio.wait_for(step, PATIENCE) == Exit(128 + signal.SIGKILL)

    asyncio.run(main())


def test_a_step_with_a_missing_shell_says_so(bench: Bench) -> None:
    async def main() -> None:
        async with bench.engine() as engine:
            with pytest.raises(CannotStart, match="/bin/sh: no such file or directory"):
                command = Command(("/bin/sh", "-c", "true"), {})
                await engine.run(Rootfs(()), bench.layers.new(), command, Output())

    asyncio.run(main())


def test_a_step_has_the_network_of_the_machine_unless_it_is_told_not_to(bench: Bench) -> None:
    async def main() -> None:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            port = listener.getsockname()[1]
            program = f"import socket; socket.create_connection(('127.0.0.1', {port}), 5)"
            async with bench.engine() as engine:
                command = Command(("python3", "-c", program), bench.env)
                for network, code in ((True, 0), (False, 1)):
                    output = Output()
                    end = await engine.run(
                        bench.rootfs, bench.layers.new(), command, output, network=network
                    )
                    assert end.code == code, output.lines

    asyncio.run(main())


def test_files_of_another_owner(bench: Bench) -> None:
    script = "touch /srv/file; chown 33:33 /srv/file"

    async def main() -> None:
        if not is_root():
            async with bench.engine() as engine:
                output = Output()
                command = Command(("sh", "-c", script), bench.env)
                end = await engine.run(bench.rootfs, bench.layers.new(), command, output)
                assert end == Exit(1)
                assert "Invalid argument" in output.stderr[0]
            return
        layer, _ = await run(bench, bench.rootfs, "sh", "-c", script)
        assert layer is not None
        again = Layers(bench.folder / "owners", bench.blobs)
        rootfs = Rootfs((*bench.rootfs.lowers, again.layer(layer["digest"])))
        look = ("stat", "-c", "%U:%G", "/srv/file", "/srv")
        assert await bench.output_of(*look, rootfs=rootfs) == ["www-data:www-data", "root:root"]

    asyncio.run(main())


def test_pip_installs_flask_without_a_network_and_gunicorn_serves_it(
    bench: Bench, tmp_path: Path
) -> None:
    wheels(tmp_path, ["Flask", "gunicorn"])
    app = tmp_path / "main.py"
    app.write_text("from flask import Flask\napp = Flask(__name__)\napp.route('/')(lambda: 'hi')\n")

    async def main() -> None:
        install = ("pip", "install", "--no-index", "--find-links", "/wheels", "flask", "gunicorn")
        binds = {"/wheels": tmp_path}
        layer, _ = await run(bench, bench.rootfs, *install, network=False, binds=binds)
        assert layer is not None
        found = names(bench, layer["digest"])
        assert "usr/local/bin/flask" in found
        assert not [name for name in found if name.startswith(("wheels", "tmp/", "root"))]
        async with bench.engine() as engine:
            rootfs = Rootfs((*bench.rootfs.lowers, bench.layers.layer(layer["digest"])))
            serve = ("gunicorn", "--bind", ":8080", "main:app")
            output = Output()
            binds = {"/app/main.py": app}
            container = await engine.start(
                bench.spec(*serve, rootfs=rootfs, cwd="/app", binds=binds, output=output)
            )
            await listening(container)
            assert (await ask(container)).endswith(b"hi")
            assert await container.stop() == Exit(0), output.lines

    asyncio.run(main())
