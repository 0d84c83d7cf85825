"""A container: what it sees, who reaches it, whom it reaches, how it ends."""

from __future__ import annotations

import asyncio
import os
import platform
import signal
import socket
import struct
from pathlib import Path
from typing import Any

import pytest

from helpers.localcloud.engine import CannotStart, Exit, Rootfs
from tests.engine.bench import PATIENCE, Bench, Output, ask, is_root, listening, until

SERVER = """
import http.server, os, sys
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(os.environ["NAME"].encode())
http.server.ThreadingHTTPServer.request_queue_size = 100
http.server.ThreadingHTTPServer(("0.0.0.0", int(os.environ["PORT"])), Handler).serve_forever()
"""
TRY = """
import socket, sys
for where in sys.argv[1:]:
    host, port = where.split(":")
    try:
        with socket.create_connection((host, int(port)), 5) as connection:
            print(where, connection.recv(100).decode())
    except OSError as error:
        print(where, error.strerror)
"""


def server(name: str) -> dict[str, str]:
    return {"NAME": name, "PORT": "8080"}


def test_a_service_answers_http(bench: Bench) -> None:
    async def main() -> None:
        async with bench.engine() as engine:
            container = await engine.start(bench.spec("python3", "-c", SERVER, env=server("one")))
            await listening(container)
            assert (await ask(container)).endswith(b"\r\n\r\none")

    asyncio.run(main())


def test_every_instance_has_port_8080_to_itself(bench: Bench) -> None:
    async def main() -> None:
        async with bench.engine() as engine:
            names = ["one", "two", "three"]
            specs = [bench.spec("python3", "-c", SERVER, env=server(name)) for name in names]
            containers = await asyncio.gather(*map(engine.start, specs))
            await asyncio.gather(*map(listening, containers))
            answers = await asyncio.gather(*map(ask, containers))
            assert [answer.rpartition(b"\r\n")[2].decode() for answer in answers] == names

    asyncio.run(main())


def test_many_requests_at_once_all_arrive(bench: Bench) -> None:
    async def main() -> None:
        async with bench.engine() as engine:
            container = await engine.start(bench.spec("python3", "-c", SERVER, env=server("x")))
            await listening(container)
            answers = await asyncio.gather(*(ask(container) for _ in range(40)))
            assert all(answer.endswith(b"x") for answer in answers)

    asyncio.run(main())


def test_a_program_that_listens_on_127_0_0_1_is_not_reached(bench: Bench) -> None:
    async def main() -> None:
        async with bench.engine() as engine:
            program = (
                "import socket; s = socket.create_server(('127.0.0.1', 8080));"
                "print('ready', flush=True); s.accept()"
            )
            output = Output()
            container = await engine.start(bench.spec("python3", "-c", program, output=output))
            await until(lambda: output.stdout == ["ready"])
            with pytest.raises(ConnectionRefusedError):
                await container.connect()

    asyncio.run(main())


def test_neighbours_do_not_see_each_other(bench: Bench) -> None:
    async def main() -> None:
        async with bench.engine() as engine:
            first = await engine.start(bench.spec("python3", "-c", SERVER, env=server("one")))
            await listening(first)
            places = ("127.0.0.1:8080", "169.254.8.1:8080")
            lines = await bench.output_of("python3", "-c", TRY, *places)
            assert lines == [f"{place} Connection refused" for place in places]

    asyncio.run(main())


def test_only_listed_addresses_exist(bench: Bench) -> None:
    async def main() -> None:
        def answer(text: bytes):
            def accept(connection: socket.socket) -> None:
                connection.send(text)
                connection.close()

            return accept

        reach = {
            ("10.128.0.5", 5432): answer(b"database"),
            ("169.254.169.254", 80): answer(b"metadata"),
        }
        places = ["10.128.0.5:5432", "169.254.169.254:80", "10.128.0.6:5432", "1.1.1.1:443"]
        lines = await bench.output_of("python3", "-c", TRY, *places, reach=reach)
        assert lines == [
            "10.128.0.5:5432 database",
            "169.254.169.254:80 metadata",
            "10.128.0.6:5432 Network is unreachable",
            "1.1.1.1:443 Network is unreachable",
        ]

    asyncio.run(main())


def test_the_metadata_server_has_its_name_where_it_can_be_reached(bench: Bench) -> None:
    async def main() -> None:
        look = ("getent", "ahostsv4", "metadata.google.internal")
        reach = {("169.254.169.254", 80): socket.socket.close}
        assert "169.254.169.254" in (await bench.output_of(*look, reach=reach))[0]
        output = Output()
        async with bench.engine() as engine:
            container = await engine.start(bench.spec(*look, output=output))
            assert (await container.exited).code == 2

    asyncio.run(main())


def test_an_address_that_is_not_ipv4_is_refused(bench: Bench) -> None:
    async def main() -> None:
        async with bench.engine() as engine:
            with pytest.raises(ValueError, match="::1"):
                await engine.start(bench.spec("true", reach={("::1", 80): socket.socket.close}))

    asyncio.run(main())


def test_a_failing_function_does_not_stop_an_address(bench: Bench) -> None:
    async def main() -> None:
        told = []
        asyncio.get_running_loop().set_exception_handler(lambda _, context: told.append(context))
        calls = iter([True, False])

        def accept(connection: socket.socket) -> None:
            if next(calls):
                raise ValueError("not this one")
            connection.send(b"well")
            connection.close()

        place = "10.0.0.1:80"
        reach = {("10.0.0.1", 80): accept}
        lines = await bench.output_of("python3", "-c", TRY, place, place, reach=reach)
        assert lines == [f"{place} ", f"{place} well"]
        assert [str(context["exception"]) for context in told] == ["not this one"]

    asyncio.run(main())


def test_nothing_of_the_machine_is_visible(bench: Bench) -> None:
    async def main() -> None:
        program = (
            "import os; print(*sorted(os.listdir('/')));"
            "print(*sorted(n for n in os.listdir('/proc') if n.isdecimal()));"
            f"print(os.path.exists({str(bench.folder)!r}));"
            "print(os.listdir('/tmp'), os.listdir('/root'));"
            "print(sorted(map(int, os.listdir('/proc/self/fd')))[:4])"
        )
        lines = await bench.output_of("python3", "-c", program)
        assert lines[0].split() == sorted(path.name for path in bench.rootfs.lowers[0].iterdir())
        assert lines[1:] == ["1", "False", "[] []", "[0, 1, 2, 3]"]

    asyncio.run(main())


def test_the_machine_cannot_be_changed_through_proc(bench: Bench) -> None:
    program = "find /proc -path '/proc/[0-9]*' -prune -o -type f -writable -print"

    async def main() -> None:
        found = await bench.output_of("sh", "-c", f"{program}; exit 0")
        pseudo = ("/proc/self", "/proc/thread-self", "/proc/pressure")
        assert [path for path in found if not path.startswith(pseudo)] == []

    asyncio.run(main())


def test_the_program_is_process_1_without_capabilities(bench: Bench) -> None:
    async def main() -> None:
        look = "echo $$; grep -E 'CapEff|CapPrm|NoNewPrivs' /proc/self/status; hostname"
        lines = await bench.output_of("sh", "-c", look)
        zero = "0" * 16
        assert lines == [
            "1",
            f"CapPrm:\t{zero}",
            f"CapEff:\t{zero}",
            "NoNewPrivs:\t1",
            "localhost",
        ]

    asyncio.run(main())


def test_environment_folder_and_arguments_are_those_given(bench: Bench) -> None:
    async def main() -> None:
        program = (
            "import os, sys; print(os.getcwd(), sys.argv[1:]);"
            "print({k: v for k, v in os.environ.items() if k not in ('PWD', 'LC_CTYPE')})"
        )
        env = {"ODD": "a=b c\n'\""}
        odd = ("--setenv", "", "ü\n")
        lines = await bench.output_of("python3", "-c", program, *odd, cwd="/app/deep", env=env)
        assert lines == [f"/app/deep {list(odd)}", str(bench.env | env)]

    asyncio.run(main())


def test_a_port_below_1024_is_free_for_everybody(bench: Bench) -> None:
    async def main() -> None:
        program = "import socket; print(socket.create_server(('', 80)).getsockname()[1])"
        assert await bench.output_of("python3", "-c", program, user="www-data") == ["80"]

    asyncio.run(main())


def test_changes_are_gone_with_the_container_and_layers_stay_as_they_were(bench: Bench) -> None:
    async def main() -> None:
        change = "rm -r /etc/passwd /usr/share; echo x > /etc/group; mkdir /new; ls -d /new"
        assert await bench.output_of("sh", "-c", change) == ["/new"]
        assert await bench.output_of("sh", "-c", "ls /etc/passwd; wc -c < /etc/group") == [
            "/etc/passwd",
            str((bench.rootfs.lowers[0] / "etc/group").stat().st_size),
        ]

    before = snapshot(bench.rootfs.lowers[0])
    asyncio.run(main())
    assert snapshot(bench.rootfs.lowers[0]) == before


def snapshot(folder: Path) -> list[tuple[str, int, float]]:
    found = [(path, path.lstat()) for path in sorted(folder.rglob("*"))]
    return [(str(path), at.st_mode, at.st_mtime) for path, at in found]


def test_bound_files_can_be_read_and_not_written(bench: Bench, tmp_path: Path) -> None:
    (tmp_path / "bundle").write_text("trust")

    async def main() -> None:
        binds = {"/etc/ssl/extra/ca.pem": tmp_path / "bundle", "/etc/hosts": tmp_path / "bundle"}
        look = "cat /etc/ssl/extra/ca.pem; echo; echo x > /etc/hosts || cat /etc/hosts"
        assert await bench.output_of("sh", "-c", look, binds=binds) == ["trust", "trust"]

    asyncio.run(main())


def test_links_of_an_image_do_not_lead_outside(bench: Bench, tmp_path: Path) -> None:
    layer = bench.layers.new()
    outside = tmp_path / "outside"
    outside.mkdir()
    for name in ("dev", "work"):
        (layer / name).symlink_to(f"/oldroot{outside}/{name}")

    async def main() -> None:
        rootfs = Rootfs((*bench.rootfs.lowers, layer))
        await bench.output_of("true", rootfs=rootfs, cwd="/work/here")

    asyncio.run(main())
    assert list(outside.iterdir()) == []


def hello() -> bytes:
    """A static program for x86-64 Linux that prints hello."""
    code = bytes.fromhex(
        "b801000000 bf01000000 488d3510000000 ba06000000 0f05"  # write(1, "hello\n", 6)
        "b83c000000 31ff 0f05"  # exit(0)
    )
    start, size = 0x400000, 64 + 56 + len(code) + 6
    head = struct.pack(
        "<4s5B7x2HI3QI6H",
        *(b"\x7fELF", 2, 1, 1, 0, 0, 2, 62, 1, start + 120, 64, 0, 0, 64, 56, 1, 0, 0, 0),
    )
    segment = struct.pack("<2I6Q", 1, 5, 0, start, start, size, size, 4096)
    return head + segment + code + b"hello\n"


@pytest.mark.skipif(platform.machine() != "x86_64", reason="the program is for x86-64")
def test_an_image_from_scratch_runs_its_static_program(bench: Bench) -> None:
    layer = bench.layers.new()
    (layer / "hello").write_bytes(hello())
    (layer / "hello").chmod(0o755)

    async def main() -> None:
        for user in ("", "1000"):
            lines = await bench.output_of("/hello", rootfs=Rootfs((layer,)), user=user)
            assert lines == ["hello"]

    asyncio.run(main())
    assert [path.name for path in layer.iterdir()] == ["hello"]


def test_sigterm_reaches_the_program(bench: Bench) -> None:
    async def main() -> None:
        output = Output()
        program = "trap 'echo bye; exit 7' TERM; echo ready; while :; do sleep 0.01; done"
        async with bench.engine() as engine:
            container = await engine.start(bench.spec("sh", "-c", program, output=output))
            await until(lambda: output.stdout == ["ready"])
            assert await container.stop() == Exit(7)
            assert output.stdout == ["ready", "bye"]

    asyncio.run(main())


def test_a_program_that_ignores_sigterm_is_killed_after_the_grace(bench: Bench) -> None:
    async def main() -> None:
        async with bench.engine() as engine:
            container = await engine.start(bench.spec("sleep", "1000"))
            assert await container.stop(grace=0.1) == Exit(128 + signal.SIGKILL)
            container.kill(signal.SIGTERM)
            assert await container.stop() == Exit(128 + signal.SIGKILL)
            assert container.memory_used() == 0
            with pytest.raises(ConnectionError):
                await container.connect()

    asyncio.run(main())


def test_all_output_is_there_before_the_end_is_told(bench: Bench) -> None:
    async def main() -> None:
        output = Output()
        program = "for i in range(20000): print(i)\nprint('x' * 700_000)\nprint('end', end='')"
        async with bench.engine() as engine:
            container = await engine.start(bench.spec("python3", "-c", program, output=output))
            assert await asyncio.wait_for(container.exited, PATIENCE) == Exit(0)
            lines = output.stdout
        assert lines[:20000] == [str(i) for i in range(20000)]
        assert lines[-1] == "end"
        assert "".join(lines[20000:-1]) == "x" * 700_000
        assert max(map(len, lines)) == 256 * 1024

    asyncio.run(main())


def test_output_of_a_program_that_ends_at_once_is_not_lost(bench: Bench) -> None:
    async def main() -> None:
        for _ in range(5):
            assert await bench.output_of("sh", "-c", "echo out; echo err >&2") == ["out"]

    asyncio.run(main())


def test_a_build_user_is_looked_up_in_the_image(bench: Bench) -> None:
    async def main() -> None:
        cases = {
            "": "0:0",
            "nobody": "65534:65534",
            "33": "33:33",
            "1234": "1234:0",
            "1234:mail": "1234:8",
            "nobody:100": "65534:100",
        }
        for user, expected in cases.items():
            assert await bench.output_of("sh", "-c", "echo $(id -u):$(id -g)", user=user) == [
                expected
            ]

    asyncio.run(main())


def test_another_user_writes_where_it_may(bench: Bench) -> None:
    async def main() -> None:
        command = "touch /tmp/mine && stat -c %U /tmp/mine; touch /etc/passwd 2>&1"
        output = Output()
        async with bench.engine() as engine:
            spec = bench.spec("sh", "-c", command, user="nobody", output=output)
            code = (await (await engine.start(spec)).exited).code
        assert output.stdout[0] == "nobody"
        if is_root():  # Otherwise the one user there is owns everything.
            assert code != 0
            assert "Permission denied" in output.stdout[1]

    asyncio.run(main())


def test_an_unknown_user_is_root(bench: Bench) -> None:
    """So Cloud Run's documentation says; a build refuses it, as docker does."""

    async def main() -> None:
        assert await bench.output_of("id", "-u", user="app") == ["0"]

    asyncio.run(main())


def test_without_root_the_log_says_that_there_is_one_user(bench: Bench) -> None:
    async def main() -> None:
        for user in ("", "65532"):
            output = Output()
            async with bench.engine() as engine:
                container = await engine.start(bench.spec("true", user=user, output=output))
                await container.exited
            assert bool(output.stderr) == (user != "" and not is_root())

    asyncio.run(main())


def test_files_below_var_log_are_output(bench: Bench) -> None:
    """Programs that log into files, such as nginx, are heard on Cloud Run as well."""
    program = """
mkdir /var/log/nginx
echo one > /var/log/nginx/error.log
ln -s /etc/passwd /var/log/link
echo "last words" > /var/log/app.log
sleep 0.2
printf two >> /var/log/nginx/error.log
"""

    async def main() -> None:
        output = Output()
        async with bench.engine() as engine:
            await (await engine.start(bench.spec("sh", "-c", program, output=output))).exited
        assert sorted(output.lines) == [
            ("/var/log/app.log", "last words"),
            ("/var/log/nginx/error.log", "one"),
            ("/var/log/nginx/error.log", "two"),
        ]

    asyncio.run(main())


def test_a_log_file_is_heard_while_the_program_runs(bench: Bench) -> None:
    async def main() -> None:
        output = Output()
        async with bench.engine() as engine:
            program = "echo now > /var/log/app.log; exec sleep 1000"
            await engine.start(bench.spec("sh", "-c", program, output=output))
            await until(lambda: output.lines == [("/var/log/app.log", "now")])

    asyncio.run(main())


def test_who_takes_ever_more_memory_is_stopped_within_a_tenth_of_the_limit(bench: Bench) -> None:
    """Its neighbour, which was there before, neither ends nor loses a request."""
    limit = 192
    program = """
import re
kept = []
while True:
    kept.append(b"x" * (1 << 20))
    with open("/proc/self/smaps_rollup") as file:
        print(int(re.search(r"Pss:\\s+(\\d+)", file.read())[1]) >> 10, flush=True)
"""

    async def main() -> None:
        output = Output()
        async with bench.engine() as engine:
            neighbour = await engine.start(
                bench.spec("python3", "-c", SERVER, env=server("well"), memory=limit << 20)
            )
            await listening(neighbour)
            spec = bench.spec("python3", "-c", program, output=output, memory=limit << 20)
            greedy = await engine.start(spec)
            while not greedy.exited.done():
                assert (await ask(neighbour)).endswith(b"well")
            end = await greedy.exited
            assert end == Exit(128 + signal.SIGKILL, out_of_memory=True)
            assert (await ask(neighbour)).endswith(b"well")
            assert not neighbour.exited.done()
        assert 0.9 * limit <= int(output.stdout[-1]) <= 1.1 * limit

    asyncio.run(main())


def test_memory_of_a_second_process_and_of_files_counts(bench: Bench) -> None:
    async def main() -> None:
        async with bench.engine() as engine:
            fill = "dd if=/dev/zero of=/var/tmp/big bs=1M; sleep 1000"
            container = await engine.start(bench.spec("sh", "-c", fill, memory=48 << 20))
            end = await asyncio.wait_for(container.exited, PATIENCE)
            assert end == Exit(128 + signal.SIGKILL, out_of_memory=True)

    asyncio.run(main())


def test_an_end_by_its_own_doing_is_not_called_out_of_memory(bench: Bench) -> None:
    async def main() -> None:
        async with bench.engine() as engine:
            container = await engine.start(bench.spec("python3", "-c", "print(bytearray(9)[10])"))
            assert await container.exited == Exit(1)

    asyncio.run(main())


def test_a_cancelled_start_leaves_nothing(bench: Bench) -> None:
    before = children()

    async def main() -> None:
        async with bench.engine() as engine:
            output = Output()
            start = asyncio.create_task(engine.start(bench.spec("sleep", "1000", output=output)))
            await asyncio.sleep(0)
            start.cancel()
            with pytest.raises(asyncio.CancelledError):
                await start
            assert not children() - before

    asyncio.run(main())


def test_closing_an_engine_ends_a_start_under_way(bench: Bench) -> None:
    before = children()

    async def main() -> None:
        async with bench.engine() as engine:
            start = asyncio.create_task(engine.start(bench.spec("sleep", "1000")))
            await until(lambda: bool(children() - before))
        assert not children() - before
        await asyncio.gather(start, return_exceptions=True)

    asyncio.run(main())


def test_an_image_of_too_many_layers_is_refused_and_not_cut(bench: Bench) -> None:
    async def main() -> None:
        layers = [bench.layers.new() for _ in range(60)]
        async with bench.engine() as engine:
            rootfs = Rootfs((*bench.rootfs.lowers, *layers))
            with pytest.raises(CannotStart, match="the image has 61 layers"):
                await engine.start(bench.spec("true", rootfs=rootfs))
            rootfs = Rootfs((*bench.rootfs.lowers, *layers[:20]))
            assert await bench.output_of("echo", "well", rootfs=rootfs) == ["well"]

    asyncio.run(main())


def children() -> set[int]:
    """Processes below this one, as /proc tells; other tests' clouds are among them."""
    found = set()
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[1]) == os.getpid() and fields[0] != "Z":
            found.add(int(path.parent.name))
    return found


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (
            ["uvicorn", "main:app"],
            'failed to resolve binary path: error finding executable "uvicorn" in PATH '
            "[/usr/local/bin /usr/bin]: no such file or directory",
        ),
        (["/app/missing"], "failed to load /app/missing: no such file or directory"),
        (["./missing"], "failed to load /app/./missing: no such file or directory"),
        (["/app/plain"], "failed to load /app/plain: permission denied"),
        (["/app/text"], "failed to load /app/text: exec format error"),
        (["/app/foreign"], "failed to load /app/foreign: exec format error"),
        (["/app/script"], "failed to load /app/script: no such file or directory"),
        (["/app/windows"], "failed to load /app/windows: no such file or directory"),
        (["/app/musl"], "failed to load /app/musl: no such file or directory"),
        (["/app"], "failed to load /app: permission denied"),
        ([], "no filename or command provided"),
    ],
)
def test_the_reason_of_a_program_that_cannot_start(
    bench: Bench, tmp_path: Path, argv: list[str], message: str
) -> None:
    app = tmp_path / "app"
    app.mkdir(parents=True)
    python = (bench.rootfs.lowers[0] / "usr/bin/env").read_bytes()
    files = {
        "plain": b"#!/bin/sh\n",
        "text": b"echo hello\n",
        "script": b"#!/bin/nothing -x\n",
        "windows": b"#!/bin/sh\r\necho hello\r\n",
        "foreign": python[:18] + b"\xf3\x00" + python[20:],
        "musl": python.replace(b"/ld-linux", b"/ld-other"),
    }
    for name, content in files.items():
        (app / name).write_bytes(content)
        (app / name).chmod(0o644 if name == "plain" else 0o755)

    async def main() -> None:
        async with bench.engine() as engine:
            env = {"PATH": "/usr/local/bin:/usr/bin"}
            rootfs = Rootfs((*bench.rootfs.lowers, tmp_path))
            spec = bench.spec(*argv, cwd="/app", env=env, rootfs=rootfs)
            with pytest.raises(CannotStart) as refusal:
                await engine.start(spec)
            assert str(refusal.value) == message

    asyncio.run(main())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"user": "0:crew"}, "unable to find group crew: no matching entries in group file"),
        ({"user": "4000000000"}, "uids and gids must be in range 0-2147483647"),
        ({"cwd": "/etc/passwd"}, "working directory: /etc/passwd is not a directory"),
    ],
)
def test_the_reason_of_a_user_or_folder_that_is_not_there(
    bench: Bench, change: dict[str, Any], message: str
) -> None:
    async def main() -> None:
        async with bench.engine() as engine:
            with pytest.raises(CannotStart) as refusal:
                await engine.start(bench.spec("true", **change))
            assert str(refusal.value) == message

    asyncio.run(main())


def test_datagrams_are_answered_where_an_address_is_listed(bench: Bench) -> None:
    """Without them no program resolves a name: many ask over UDP alone."""

    async def main() -> None:
        program = (
            "import socket; s = socket.socket(type=socket.SOCK_DGRAM); s.settimeout(5)\n"
            "s.sendto(b'not this', ('169.254.169.254', 53))\n"
            "s.sendto(b'question', ('169.254.169.254', 53)); print(s.recv(100).decode())\n"
            "print(open('/etc/resolv.conf').read().strip())\n"
            "try: s.sendto(b'question', ('8.8.8.8', 53))\n"
            "except OSError as error: print(error.strerror)"
        )

        def answer(data: bytes) -> bytes:
            return b"" if data == b"not this" else b"answer to " + data

        datagrams = {("169.254.169.254", 53): answer}
        assert await bench.output_of("python3", "-c", program, datagrams=datagrams) == [
            "answer to question",
            "nameserver 169.254.169.254",
            "Network is unreachable",
        ]

    asyncio.run(main())
