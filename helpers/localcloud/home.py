"""The one folder that holds a local cloud's state, and the lock that says who runs it."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import secrets
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path

import platformdirs


class HomeInUse(Exception):
    """Another process runs the cloud of this home."""


@dataclass
class Settings:
    """What is chosen once per home. A port is 0 until it was bound for the first time."""

    secret: str
    runtime: str
    port: int = 0
    seed: str = "hands-on"
    dns_port: int = 0


class Home:
    """Paths of one home; creating the object makes the folder, readable by its owner only."""

    def __init__(self, folder: Path | None = None) -> None:
        chosen = folder or os.environ.get("LOCALCLOUD_HOME")
        self.folder = Path(chosen or platformdirs.user_state_path("localcloud")).resolve()
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._lock: int | None = None

    @property
    def database(self) -> Path:
        """The SQLite file."""
        return self.folder / "state.db"

    @property
    def bundle(self) -> Path:
        """The reader's own roots and this home's certificate authority, one PEM file."""
        return self.folder / "ca-bundle.pem"

    @property
    def roots(self) -> Path:
        """The same roots as a folder, for requests: see `gateway.hashed`."""
        return self.folder / "ca-roots"

    @property
    def instance_bundle(self) -> Path:
        """The same roots for instances, whose users are not the home's owner.

        Any user may read the file itself, but none gets through the home's folder to it.
        """
        return self.subfolder("ca") / "instances.pem"

    @property
    def credentials(self) -> Path:
        """Application default credentials for whoever is inside."""
        return self.folder / "adc.json"

    @property
    def gcloud(self) -> Path:
        """The configuration folder of gcloud for whoever is inside."""
        return self.folder / "gcloud"

    @property
    def daemon_log(self) -> Path:
        """What the daemon itself prints."""
        return self.folder / "daemon.log"

    @property
    def control(self) -> Path:
        """The control socket, in a short runtime folder because such paths are limited."""
        return Path(self.settings().runtime) / "control"

    def subfolder(self, name: str) -> Path:
        """A folder inside the home, made if it is missing."""
        path = self.folder / name
        path.mkdir(mode=0o700, exist_ok=True)
        return path

    def settings(self) -> Settings:
        """Reads the settings, choosing them at the first call. Safe against a concurrent first."""
        path = self.folder / "settings.json"
        if not path.exists():
            folder = tempfile.mkdtemp(prefix="localcloud-", dir=_runtime_parent())
            self._write(path, Settings(secrets.token_urlsafe(24), folder), exclusive=True)
        settings = Settings(**json.loads(path.read_text()))
        runtime = Path(settings.runtime)
        runtime.mkdir(mode=0o700, exist_ok=True)
        if runtime.stat().st_uid != os.getuid():
            raise PermissionError(errno.EPERM, "belongs to somebody else", str(runtime))
        return settings

    def save_ports(self, proxy: int, dns: int) -> None:
        """Remembers the ports of the proxy and the name server, to be bound after a restart."""
        settings = self.settings()
        settings.port, settings.dns_port = proxy, dns
        self._write(self.folder / "settings.json", settings)

    @staticmethod
    def _write(path: Path, settings: Settings, *, exclusive: bool = False) -> None:
        part = path.with_name(f".settings-{secrets.token_hex(4)}")
        part.touch(mode=0o600)
        part.write_text(json.dumps(asdict(settings)))
        if exclusive:
            try:
                os.link(part, path)
            except FileExistsError:
                os.rmdir(settings.runtime)
            part.unlink()
        else:
            part.rename(path)

    def lock(self) -> None:
        """Takes the home for this process until it ends. Raises HomeInUse."""
        descriptor = os.open(self.folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            raise HomeInUse(str(self.folder)) from None
        self._lock = descriptor

    def is_free(self) -> bool:
        """Whether no process runs this home's cloud."""
        try:
            with open(self.folder / "lock") as file:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except FileNotFoundError:
            return True
        except BlockingIOError:
            return False
        return True


def _runtime_parent() -> str:
    parent = os.environ.get("XDG_RUNTIME_DIR", "")
    return parent if os.path.isdir(parent) and os.access(parent, os.W_OK) else "/tmp"
