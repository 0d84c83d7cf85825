"""What was mapped stays mapped, however the cloud ends."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from helpers.localcloud import control
from helpers.localcloud.home import Home
from helpers.localcloud.identity.accounts import NOTEBOOK
from tests.conftest import eventually
from tests.domains.conftest import GOOGLE, IMAGE, PROJECT, SCOPES, TOKYO, Domain, Mappings
from tests.faults.client import Client
from tests.processes import descendants, is_alive


def up(home: Home) -> Client:
    """A client of the home's cloud, which is started; it acts as the notebook's account."""
    control.connect(home, start=True, hold=False).close()
    client = Client(home)
    account = f"projects/-/serviceAccounts/{NOTEBOOK}"
    url = f"https://iamcredentials.googleapis.com/v1/{account}:generateAccessToken"
    token = client.call("POST", url, json={"scope": SCOPES})["accessToken"]
    client.headers["Authorization"] = f"Bearer {token}"
    client.proxies["http"] = client.proxies["https"]
    return client


def kill(home: Home) -> None:
    connection = control.connect(home, start=False, hold=False)
    pid = connection.ask("status")["pid"]
    connection.close()
    family = descendants(pid)
    os.kill(pid, signal.SIGKILL)
    eventually(lambda: any(map(is_alive, family)), lambda alive: not alive)


def advance(home: Home, by: str) -> None:
    connection = control.connect(home, start=False, hold=False)
    connection.ask("advance", by=by)
    connection.close()


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    """A home, whose cloud is stopped in the end."""
    made = Home(tmp_path / "home")
    yield made
    connection = control.connect(made, start=True, hold=False)
    connection.ask("stop")
    connection.wait_closed()


def test_a_kill_loses_neither_a_ready_domain_nor_one_that_waits(home: Home) -> None:
    """A certificate that has to be waited for again is an outage."""
    client = up(home)
    parent = f"projects/{PROJECT}/locations/{TOKYO}"
    url = f"https://run.googleapis.com/v2/{parent}"
    body = {"template": {"containers": [{"image": IMAGE}]}, "invokerIamDisabled": True}
    operation = client.call("POST", f"{url}/services?serviceId=hello", json=body)
    eventually(
        lambda: client.call("GET", f"https://run.googleapis.com/v2/{operation['name']}"),
        lambda found: found.get("done"),
    )
    domain, mappings = Domain(client, "example.com"), Mappings(client)
    domain.verify()
    for name in ("www.example.com", "shop.example.com"):
        domain.set(name, "CNAME", GOOGLE)
    uid = mappings.create("www.example.com", "hello")["metadata"]["uid"]
    advance(home, "15m")
    assert client.get("https://www.example.com/", timeout=60).status_code == 200
    assert mappings.ask("shop.example.com", "hello").status_code == 200
    kill(home)

    mappings = Mappings(client := up(home))
    assert mappings.get("www.example.com")["metadata"]["uid"] == uid
    assert mappings.states("www.example.com")["Ready"] == "True"
    assert client.get("https://www.example.com/", timeout=60).status_code == 200
    eventually(
        lambda: mappings.states("shop.example.com"),
        lambda states: states["DomainRoutable"] == "True",
    )
    with pytest.raises(requests.exceptions.SSLError):
        client.get("https://shop.example.com/", timeout=60)
    kill(home)

    mappings = Mappings(client := up(home))
    advance(home, "15m")
    assert mappings.states("shop.example.com")["Ready"] == "True"
    assert client.get("https://shop.example.com/", timeout=60).status_code == 200
