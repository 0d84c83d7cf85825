"""The instances of Compute Engine that run: small hosts in a network, each with a start-up script.

A machine is a container of the Python base image at its address in its network. Its disks, its
operating system and its machine type are not.
"""

from __future__ import annotations

import asyncio
import hashlib
from pathlib import Path
from typing import Any

from . import unrecorded
from .cloud import Cloud
from .engine import CannotStart, Command, Container, ContainerSpec
from .errors import GoogleError, unimplemented
from .gateway.authority import write_private
from .identity.metadata import Facts
from .network.paths import Station
from .network.vpc import INSTANCES
from .surroundings import Around
from .uplinks import Uplinks

SCRIPT = "/startup-script"
WRITTEN_EVERY = 0.2
"""Seconds in which the lines of a serial port are gathered."""

INIT = """
trap 'exit 0' TERM
if [ $# -gt 0 ]; then
    "$@" &
    wait $!
    echo "startup-script exit status $?"
fi
while true; do sleep 86400 & wait $!; done
"""
"""A machine's first process: it runs the script, goes on when that has ended, and can be stopped.

Source: https://docs.cloud.google.com/compute/docs/instances/startup-scripts/linux (2026-04)
"""

Document = dict[str, Any]


class MachineRoom:
    """Runs machines; fills ``network.vpc.Machines``."""

    def __init__(self, cloud: Cloud, around: Around, uplinks: Uplinks) -> None:
        self._cloud = cloud
        self._around = around
        self._uplinks = uplinks
        self._scripts = cloud.home.subfolder("machines")

    async def run(self, instance: Document) -> None:
        """Boots an instance: see Machines. Raises GoogleError."""
        cloud = self._cloud
        if not cloud.engine.networks:
            raise unimplemented(unrecorded.vpc_engine())
        image = await cloud.in_worker(cloud.base.image)
        rootfs = await cloud.in_worker(cloud.layers.rootfs, image)
        host = self._uplinks.paths.station(instance).host
        uplink = self._uplinks.make(lambda: self._station(instance["name"]), host.address)
        around = self._around.basic(self._facts(instance, host.account))
        env = dict(pair.split("=", 1) for pair in image.run["Env"])
        port = SerialPort(cloud, instance["name"])
        script = self._script(instance)
        argv = ("/bin/sh", "-c", INIT, "init", *_start(script))
        spec = ContainerSpec(
            name=instance["name"].rpartition("/")[2],
            rootfs=rootfs,
            command=Command(argv, env | dict(around.env)),
            port=0,
            memory=0,
            on_output=lambda stream, line: port.write(line),
            reach=around.reach,
            datagrams=around.datagrams,
            binds={**around.binds, **({SCRIPT: script} if script else {})},
            uplink=uplink,
            log_files=False,
        )
        try:
            container = await cloud.engine.start(spec)
        except (CannotStart, OSError, RuntimeError) as error:
            raise GoogleError("INTERNAL", unrecorded.cannot_run(str(error))) from error
        container.exited.add_done_callback(lambda _: port.flush())
        self._plug_in(instance["name"], container)

    async def stop(self, instance: Document) -> None:
        """Stops an instance: see Machines."""
        container = self._uplinks.containers.get(instance["name"])
        if container is not None:
            await container.stop(1)

    def _station(self, name: str) -> Station | None:
        """Where a machine is now: its tags may be others than when it booted."""
        instance = self._cloud.store.get(INSTANCES, name)
        return self._uplinks.paths.station(instance) if instance else None

    def _plug_in(self, name: str, container: Container) -> None:
        containers = self._uplinks.containers

        def pull_out(_: object) -> None:
            if containers.get(name) is container:
                del containers[name]
                self._uplinks.changed()

        containers[name] = container
        container.exited.add_done_callback(pull_out)
        self._uplinks.changed()

    def _script(self, instance: Document) -> Path | None:
        items = instance.get("metadata", {}).get("items", [])
        text = next((each["value"] for each in items if each["key"] == "startup-script"), "")
        if not text:
            return None
        data = text.encode()
        path = self._scripts / hashlib.sha256(data).hexdigest()
        write_private(path, data)
        path.chmod(0o700)
        return path

    def _facts(self, instance: Document, account: str) -> Facts:
        _, project, _, zone, _, name = instance["name"].split("/")
        found = self._cloud.accounts.project(project)
        interface = instance["networkInterfaces"][0]
        items = instance.get("metadata", {}).get("items", [])
        return Facts(
            project=project,
            number=int(found["projectNumber"]),
            region=zone.rpartition("-")[0],
            instance=str(instance["id"]),
            account=account,
            zone=zone,
            more={
                "attributes": {each["key"]: each["value"] for each in items},
                "name": name,
                "network-interfaces": {"0": {"ip": interface["networkIP"]}},
            },
        )


class SerialPort:
    """The first serial port of a machine: what it writes there is kept, a few lines at a time."""

    def __init__(self, cloud: Cloud, name: str) -> None:
        self._cloud = cloud
        self._name = name
        self._lines: list[str] = []

    def write(self, line: bytes) -> None:
        """Adds one line, without its newline."""
        if not self._lines:
            asyncio.get_running_loop().call_later(WRITTEN_EVERY, self.flush)
        self._lines.append(f"{line.decode(errors='replace')}\n")

    def flush(self) -> None:
        """Keeps what was gathered."""
        if self._lines:
            lines, self._lines = self._lines, []
            self._cloud.vpc.write_serial(self._name, "".join(lines))


def _start(script: Path | None) -> tuple[str, ...]:
    """How a script is started: by its first line if that names a program, or by a shell."""
    if script is None:
        return ()
    return (SCRIPT,) if script.read_bytes().startswith(b"#!") else ("/bin/sh", SCRIPT)
