"""What a container reaches while that changes, and as whom it is reached."""

from __future__ import annotations

import asyncio
import socket

import pytest

from helpers.localcloud.engine import Accept, Address, Container, ContainerSpec
from helpers.localcloud.engine.uplink import Ask, Uplink
from tests.engine.bench import Bench, Output, until

DATABASE = ("10.128.0.5", 5432)
RANGES = ("10.0.0.0/8",)

CLIENT = """
import socket, sys
for line in sys.stdin if len(sys.argv) == 1 else sys.argv[1:]:
    host, port = line.strip().split(":")
    try:
        with socket.create_connection((host, int(port)), 1) as connection:
            print(connection.makefile().readline().strip(), flush=True)
    except TimeoutError:
        print("lost", flush=True)
    except OSError as error:
        print(error.strerror, flush=True)
"""
AGAIN_AND_AGAIN = """
import socket, time
while True:
    try:
        with socket.create_connection(("10.128.0.5", 5432), 1) as connection:
            print(connection.makefile().readline().strip(), flush=True)
    except TimeoutError:
        print("lost", flush=True)
    except OSError as error:
        print(error.strerror, flush=True)
    time.sleep(0.01)
"""
ECHO_OF_WHO = """
import socket
server = socket.create_server(("0.0.0.0", 5432))
print("ready", flush=True)
while True:
    connection, (host, _) = server.accept()
    print(host, flush=True)
    connection.sendall(f"{connection.getsockname()[0]} sees {host}\\n".encode())
    connection.close()
"""


def saying(text: str) -> Accept:
    def accept(connection: socket.socket) -> None:
        connection.setblocking(True)
        connection.sendall(text.encode() + b"\n")
        connection.close()

    return accept


async def nobody(where: Address) -> Accept | None:
    raise OSError


def answers(bench: Bench, ask: Ask, *where: str) -> list[str]:
    async def main() -> list[str]:
        return await bench.output_of("python3", "-c", CLIENT, *where, uplink=Uplink(ask, RANGES))

    return asyncio.run(main())


def test_an_address_exists_once_somebody_answers_for_it(bench: Bench) -> None:
    """A private server is found by its address and port, as often as one likes."""

    async def ask(where: Address) -> Accept | None:
        return saying("database") if where == DATABASE else None

    places = ("10.128.0.5:5432", "10.128.0.5:5432", "10.128.0.5:80", "10.128.0.6:5432")
    assert answers(bench, ask, *places) == ["database", "database", "lost", "lost"]


def test_a_refusal_and_a_missing_way_are_told_apart(bench: Bench) -> None:
    """A closed port is refused at once; what has no route is unreachable, asked about or not."""

    async def ask(where: Address) -> Accept | None:
        raise ConnectionRefusedError if where == DATABASE else OSError

    places = ("10.128.0.5:5432", "10.128.0.6:5432", "192.168.0.1:80", "1.1.1.1:443")
    unreachable = "Network is unreachable"
    assert answers(bench, ask, *places) == ["Connection refused", *[unreachable] * 3]


def test_what_a_container_reaches_changes_while_it_runs(bench: Bench) -> None:
    """A server started later is found, and one that is gone isn't; a firewall that closes loses."""

    async def main() -> None:
        now: list[Accept | OSError | None] = [OSError()]

        async def ask(where: Address) -> Accept | None:
            if isinstance(now[0], OSError):
                raise now[0]
            return now[0]

        uplink, output = Uplink(ask), Output()
        async with bench.engine() as engine:
            spec = bench.spec("python3", "-c", AGAIN_AND_AGAIN, output=output, uplink=uplink)
            await engine.start(spec)
            for state, ranges, seen in (
                (OSError(), (), "Network is unreachable"),
                (saying("first"), RANGES, "first"),
                (saying("second"), RANGES, "second"),
                (None, RANGES, "lost"),
                (ConnectionRefusedError(), RANGES, "Connection refused"),
                (saying("third"), RANGES, "third"),
                (saying("third"), (), "Network is unreachable"),
            ):
                now[0] = state
                uplink.change(ranges)
                before = len(output.stdout)
                await until(lambda: output.stdout[before + 2 :][-1:] == [seen])  # noqa: B023

    asyncio.run(main())


def test_a_change_leaves_connections_that_are_still_right(bench: Bench) -> None:
    """A firewall rule for somebody else must not cut a database connection."""
    program = (
        "import socket\n"
        "c = socket.create_connection(('10.128.0.5', 5432), 5)\n"
        "print(c.recv(9).decode(), flush=True)\n"
        "print(c.recv(9).decode(), flush=True)\n"
    )

    async def main() -> None:
        kept: list[socket.socket] = []

        def accept(connection: socket.socket) -> None:
            connection.sendall(b"one")
            kept.append(connection)

        async def ask(where: Address) -> Accept | None:
            return accept

        uplink, output = Uplink(ask, RANGES), Output()
        async with bench.engine() as engine:
            spec = bench.spec("python3", "-c", program, output=output, uplink=uplink)
            container = await engine.start(spec)
            await until(lambda: output.stdout == ["one"])
            for _ in range(3):
                uplink.change((*RANGES, "172.16.0.0/12"))
                uplink.change(RANGES)
            assert not await container.listens(1)  # All this has been carried out now.
            kept[0].sendall(b"two")
            kept[0].close()
            assert (await container.exited).code == 0
            assert output.stdout == ["one", "two"]

    asyncio.run(main())


def test_many_knock_at_once(bench: Bench) -> None:
    """A pool of database connections is opened while nobody has yet said who is there."""
    program = (
        "import socket, threading\n"
        "def one():\n"
        "    c = socket.create_connection(('10.128.0.5', 5432), 0.9)\n"
        "    print(c.recv(9).decode().strip(), flush=True)\n"
        "threads = [threading.Thread(target=one) for _ in range(50)]\n"
        "[t.start() for t in threads]; [t.join() for t in threads]\n"
    )

    async def main() -> None:
        async def ask(where: Address) -> Accept | None:
            await asyncio.sleep(0.05)
            return saying("here")

        found = await bench.output_of("python3", "-c", program, uplink=Uplink(ask, RANGES))
        assert found == ["here"] * 50  # None of them needed a second packet, a second later.

    asyncio.run(main())


def machine(bench: Bench, output: Output, **changes: object) -> ContainerSpec:
    uplink = Uplink(nobody, address="10.128.0.5")
    return bench.spec("python3", "-c", ECHO_OF_WHO, output=output, uplink=uplink, **changes)


async def line(container: Container, port: int, source: str) -> str:
    reader, writer = await asyncio.open_connection(sock=await container.connect(port, source))
    told = await reader.readline()
    writer.close()
    return told.decode().strip()


def test_a_server_sees_who_connects(bench: Bench) -> None:
    """Who looks at the source address of a request sees the connector's, or the subnetwork's."""

    async def main() -> None:
        output = Output()
        async with bench.engine() as engine:
            container = await engine.start(machine(bench, output))
            await until(lambda: output.stdout == ["ready"])
            for source in ("10.8.0.2", "10.128.0.6", "203.0.113.9", "10.8.0.2"):
                assert await line(container, 5432, source) == f"10.128.0.5 sees {source}"

    asyncio.run(main())


def test_a_server_and_a_client_may_have_the_same_port(bench: Bench) -> None:
    """An app that listens on 8080 calls another on 8080, one that it is called by itself."""
    program = f"""
import socket
client = socket.create_connection(("10.128.0.6", 5432), 5)
{ECHO_OF_WHO.replace("print(host", "client.sendall(b'hello'); print(client.recv(9).decode(), host")}
"""

    async def main() -> None:
        taken: list[socket.socket] = []

        async def ask(where: Address) -> Accept | None:
            return taken.append

        output = Output()
        uplink = Uplink(ask, RANGES, "10.128.0.5")
        async with bench.engine() as engine:
            spec = bench.spec("python3", "-c", program, output=output, uplink=uplink)
            container = await engine.start(spec)
            await until(lambda: bool(taken) and output.stdout == ["ready"])
            loop = asyncio.get_running_loop()
            await loop.sock_sendall(taken[0], b"here")
            assert await line(container, 5432, "10.128.0.6") == "10.128.0.5 sees 10.128.0.6"
            assert output.stdout == ["ready", "here 10.128.0.6"]
            assert await loop.sock_recv(taken[0], 9) == b"hello"
            assert taken[0].getsockname() == ("10.128.0.6", 5432)
            assert taken[0].getpeername()[0] == "10.128.0.5"

    asyncio.run(main())


def test_a_container_may_listen_where_its_metadata_server_does(bench: Bench) -> None:
    """Cloud Run lets a service have port 80."""

    async def main() -> None:
        program = "import socket; socket.create_server(('0.0.0.0', 80)); print('ready')"
        reach = {("169.254.169.254", 80): socket.socket.close}
        assert await bench.output_of("python3", "-c", program, reach=reach) == ["ready"]

    asyncio.run(main())


def test_an_open_port_is_seen_before_anybody_connects(bench: Bench) -> None:
    """A closed port is refused like one, and a connection is none of the server's business yet."""

    async def main() -> None:
        output = Output()
        async with bench.engine() as engine:
            container = await engine.start(machine(bench, output))
            await until(lambda: output.stdout == ["ready"])
            assert await container.listens(5432)
            assert not await container.listens(5433)
            with pytest.raises(ConnectionRefusedError):
                await container.connect(5433, "10.8.0.2")
        assert not await container.listens(5432)
        with pytest.raises(ConnectionRefusedError):
            await container.connect(5432, "10.8.0.2")
        assert output.stdout == ["ready"]

    asyncio.run(main())
