"""The identity part of a cloud without the rest: a store, a clock, keys made once."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from helpers.localcloud.clock import Clock
from helpers.localcloud.home import Home
from helpers.localcloud.identity.accounts import Accounts, Principal
from helpers.localcloud.identity.keys import Keys
from helpers.localcloud.identity.policies import Policies
from helpers.localcloud.identity.tokens import Tokens
from helpers.localcloud.names import Ids
from helpers.localcloud.store import Store


@dataclass
class Identity:
    """What ``Cloud`` holds of this subject."""

    home: Home
    store: Store
    clock: Clock
    accounts: Accounts
    policies: Policies
    keys: Keys
    tokens: Tokens

    @classmethod
    def of(cls, home: Home) -> Identity:
        store = Store(home.database)
        clock = Clock()
        accounts = Accounts(store, clock, Ids("hands-on"))
        keys = Keys(home.subfolder("keys"))
        policies = Policies(store, clock, accounts)
        return cls(
            home, store, clock, accounts, policies, keys, Tokens(store, clock, keys, accounts)
        )

    def account(self, account_id: str = "caller-account") -> Principal:
        made = self.accounts.create_service_account("hands-on", account_id)
        return Principal(made["email"], made["uniqueId"])


@pytest.fixture(scope="session")
def key_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the signing key in it: making one takes a while."""
    folder = tmp_path_factory.mktemp("keys")
    assert Keys(folder).signing
    return folder


@pytest.fixture
def identity(tmp_path: Path, key_folder: Path) -> Iterator[Identity]:
    """The identity part of a fresh home."""
    home = Home(tmp_path / "home")
    shutil.copytree(key_folder, home.folder / "keys")
    made = Identity.of(home)
    yield made
    made.store.close()
