"""The metadata server: what an app is told, in which form, and when it is refused."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable

import aiohttp
import pytest
from google.auth import jwt

from helpers.localcloud.identity.accounts import Principal
from helpers.localcloud.identity.metadata import Facts, MetadataServer
from tests.identity.conftest import Identity

GOOGLE = {"Metadata-Flavor": "Google"}
OWN = "/computeMetadata/v1/instance/service-accounts/default"
SCOPE = "https://www.googleapis.com/auth/cloud-platform"
Ask = Callable[..., Awaitable[tuple[aiohttp.ClientResponse, str]]]


@pytest.fixture
def account(identity: Identity) -> Principal:
    return identity.account()


def with_server(
    identity: Identity, account: Principal, scenario: Callable[[Ask], Awaitable[None]]
) -> None:
    """Runs a scenario with a function that asks an instance's metadata server."""
    facts = Facts("hands-on", 415104041262, "europe-west1", "00abc", account.email)

    async def main() -> None:
        metadata = MetadataServer(facts, identity.accounts, identity.tokens)
        loop = asyncio.get_running_loop()
        server = await loop.create_server(metadata.protocol, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        async with aiohttp.ClientSession(f"http://127.0.0.1:{port}") as session:

            async def ask(
                path: str, headers: dict[str, str] = GOOGLE, method: str = "GET"
            ) -> tuple[aiohttp.ClientResponse, str]:
                answer = await session.request(method, path, headers=headers, allow_redirects=False)
                return answer, await answer.text()

            await scenario(ask)
        server.close()

    asyncio.run(main())


@pytest.mark.parametrize(
    ("path", "kind", "text"),
    [
        ("/", "application/text", "computeMetadata/\n"),
        ("/computeMetadata/v1/", "application/text", "instance/\nproject/\nuniverse/\n"),
        ("/computeMetadata/v1/instance/id", "application/text", "00abc"),
        ("/computeMetadata/v1/instance/id?alt=json", "application/json", '"00abc"'),
        (
            "/computeMetadata/v1/project/?recursive=true",
            "application/json",
            '{"numericProjectId":415104041262,"projectId":"hands-on"}',
        ),
        (
            "/computeMetadata/v1/project/?recursive=true&alt=text",
            "application/text",
            "numeric-project-id 415104041262\nproject-id hands-on",
        ),
        (
            "/computeMetadata/v1/project/?alt=json",
            "application/json",
            '["numeric-project-id","project-id"]',
        ),
        (f"{OWN}/", "application/text", "aliases\nemail\nidentity\nscopes\ntoken\n"),
        (f"{OWN}/scopes", "application/text", f"{SCOPE}\n"),
        ("/computeMetadata/v1/universe/universe-domain", "application/text", "googleapis.com"),
    ],
)
def test_values_and_folders(
    identity: Identity, account: Principal, path: str, kind: str, text: str
) -> None:
    """A script with curl reads these words."""

    async def scenario(ask: Ask) -> None:
        answer, found = await ask(path)
        assert (answer.status, answer.content_type, found) == (200, kind, text)
        assert answer.headers["Metadata-Flavor"] == "Google"

    with_server(identity, account, scenario)


@pytest.mark.parametrize(
    ("path", "headers", "method", "status"),
    [
        ("/", {}, "GET", 403),
        (f"{OWN}/token", {}, "GET", 403),
        (f"{OWN}/token", {"Metadata-Flavor": "google"}, "GET", 403),
        (f"{OWN}/token", GOOGLE | {"X-Forwarded-For": "10.0.0.1"}, "GET", 403),
        (f"{OWN}/token", GOOGLE, "POST", 405),
        (f"{OWN}/email/more", GOOGLE, "GET", 404),
        ("/computeMetadata/v1/instance/attributes/", GOOGLE, "GET", 404),
        ("/computeMetadata/v1beta1/", GOOGLE, "GET", 404),
        (f"{OWN}/identity", GOOGLE, "GET", 400),
        (f"{OWN}/identity?audience=x&format=none", GOOGLE, "GET", 400),
        (f"{OWN}?recursive=true", GOOGLE, "GET", 301),
        ("/computeMetadata/v1/?recursive=true&wait_for_change=true", GOOGLE, "GET", 501),
        ("/", GOOGLE, "HEAD", 200),
    ],
)
def test_what_is_refused(
    identity: Identity,
    account: Principal,
    path: str,
    headers: dict[str, str],
    method: str,
    status: int,
) -> None:
    async def scenario(ask: Ask) -> None:
        answer, text = await ask(path, headers, method)
        assert answer.status == status
        assert "ya29." not in text
        # Cloud Run's refusal does not look like a metadata server.
        assert ("Metadata-Flavor" in answer.headers) == (status != 403)
        if status == 301:
            assert answer.headers["Location"] == f"{OWN}/?recursive=true"

    with_server(identity, account, scenario)


def test_a_token_is_handed_out_until_shortly_before_its_end(
    identity: Identity, account: Principal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An app that asks at each request gets one token, and never one that ends under way."""

    async def scenario(ask: Ask) -> None:
        async def token(query: str = "") -> tuple[str, int]:
            found = json.loads((await ask(f"{OWN}/token{query}"))[1])
            assert found["token_type"] == "Bearer"
            return found["access_token"], found["expires_in"]

        now = time.time()
        first, lifetime = await token()
        grant = identity.tokens.access_grant(first)
        assert grant is not None
        assert (grant.principal, grant.scopes, lifetime) == (account, (SCOPE,), 3600)
        narrow, _ = await token("?scopes=openid,email")
        grant = identity.tokens.access_grant(narrow)
        assert grant is not None and grant.scopes == ("openid", "email")
        monkeypatch.setattr(time, "time", lambda: now + 3200)
        again, lifetime = await token()
        assert again == first and 395 <= lifetime <= 401
        monkeypatch.setattr(time, "time", lambda: now + 3400)
        assert (await token())[0] != first

    with_server(identity, account, scenario)


def test_an_account_that_is_gone_gets_nothing(identity: Identity, account: Principal) -> None:
    """Disabling an account stops the instances that run as it, also those that run already."""

    async def scenario(ask: Ask) -> None:
        assert (await ask(f"{OWN}/token"))[0].status == 200
        document = identity.accounts.find_service_account(account.email)
        assert document is not None
        identity.accounts.update_service_account(document, {"disabled": True})
        assert (await ask(f"{OWN}/token"))[0].status == 403
        assert (await ask(f"{OWN}/identity?audience=x"))[0].status == 403

    with_server(identity, account, scenario)


def test_an_id_token_names_account_and_audience(identity: Identity, account: Principal) -> None:
    async def scenario(ask: Ask) -> None:
        _, token = await ask(f"{OWN}/identity?audience=https://b.example&format=full")
        claims = identity.tokens.id_claims(token)
        assert (claims["aud"], claims["email"], claims["sub"]) == (
            *("https://b.example", account.email),
            account.unique_id,
        )
        _, named = await ask(f"{OWN.replace('default', account.email)}/identity?audience=a")
        assert jwt.decode(named, verify=False)["sub"] == account.unique_id

    with_server(identity, account, scenario)
