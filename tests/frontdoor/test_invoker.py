"""Who may call: every wrong token is refused with Google's status, page and log line."""

from __future__ import annotations

import asyncio
import base64
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from helpers.localcloud.frontdoor.model import Target
from helpers.localcloud.identity.tokens import GCLOUD_CLIENT
from helpers.localcloud.names import PROJECT
from tests.frontdoor.world import HASHED, NAME, NUMBERED, World, world

CUSTOM = "https://api.example.com"
NO_TOKEN = (
    "The request was not authenticated. Either allow unauthenticated invocations or set the"
    " proper Authorization header. Empty Authorization header value."
)
NO_PERMISSION = (
    "The request was not authenticated. Either allow unauthenticated invocations or set the"
    " proper Authorization header. Read more at"
    " https://cloud.google.com/run/docs/securing/authenticating Additional troubleshooting"
    " documentation can be found at:"
    " https://cloud.google.com/run/docs/troubleshooting#unauthorized-client"
)
BAD_TOKEN = (
    "The request was not authorized to invoke this service. Read more at"
    " https://cloud.google.com/run/docs/securing/authenticating Additional troubleshooting"
    " documentation can be found at: https://cloud.google.com/run/docs/troubleshooting#401"
)
LOG_LINES: dict[int, list[str | None]] = {
    200: [None],
    401: [BAD_TOKEN],
    403: [NO_TOKEN, NO_PERMISSION],
}


@dataclass(frozen=True)
class Who:
    """A world with one account that may invoke the service and one that may not."""

    cloud: World

    def account(self, name: str) -> str:
        return f"{name}@{PROJECT}.iam.gserviceaccount.com"

    def token(self, name: str = "caller", audience: str = f"https://{HASHED}") -> str:
        principal = self.cloud.accounts.principal(self.account(name))
        assert principal is not None
        return self.cloud.tokens.id_token(principal, audience)

    def learner(self, audience: str = GCLOUD_CLIENT) -> str:
        return self.cloud.tokens.id_token(self.cloud.accounts.learner, audience)

    def forged(self, **changes: object) -> str:
        """A token in which claims were changed, signed with a key of the forger's own."""
        claims = jwt.decode(self.token(), options={"verify_signature": False}) | changes
        key = rsa.generate_private_key(65537, 2048)
        header = jwt.get_unverified_header(self.token())
        return jwt.encode(claims, key, algorithm="RS256", headers={"kid": header["kid"]})

    def expired(self) -> str:
        token = self.token()
        self.cloud.clock.offset += timedelta(hours=1).total_seconds()
        return token


def unsigned(who: Who) -> str:
    claims = jwt.decode(who.token(), options={"verify_signature": False})
    return jwt.encode(claims, "", algorithm="none")


def tampered(who: Who) -> str:
    head, body, signature = who.token("stranger").split(".")
    claims = json.loads(base64.urlsafe_b64decode(body + "=="))
    claims["email"] = who.account("caller")
    changed = base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")
    return f"{head}.{changed}.{signature}"


def access_token(who: Who) -> str:
    principal = who.cloud.accounts.principal(who.account("caller"))
    assert principal is not None
    return who.cloud.tokens.access_token(principal)


def bearer(make: Callable[[Who], str], header: str = "Authorization") -> Callable[[Who], list[str]]:
    return lambda who: [f"{header}: Bearer {make(who)}"]


SERVERLESS = "X-Serverless-Authorization"
CASES: dict[str, tuple[Callable[[Who], list[str]], int]] = {
    "no header": (lambda who: [], 403),
    "empty header": (lambda who: ["Authorization: "], 403),
    "blank header": (lambda who: ["Authorization:  "], 403),
    "service account": (bearer(lambda who: who.token()), 200),
    "other URL form": (bearer(lambda who: who.token(audience=f"https://{NUMBERED}")), 200),
    "trailing slash": (bearer(lambda who: who.token(audience=f"https://{HASHED}/")), 200),
    "tag URL": (bearer(lambda who: who.token(audience=f"https://green---{HASHED}")), 200),
    "tag URL, other form": (
        bearer(lambda who: who.token(audience=f"https://green---{NUMBERED}/")), 200,
    ),
    "custom audience": (bearer(lambda who: who.token(audience=CUSTOM)), 200),
    "custom audience with a slash": (bearer(lambda who: who.token(audience=CUSTOM + "/")), 401),
    "unknown tag": (bearer(lambda who: who.token(audience=f"https://red---{HASHED}")), 401),
    "a page as audience": (bearer(lambda who: who.token(audience=f"https://{HASHED}/a")), 401),
    "plain HTTP audience": (bearer(lambda who: who.token(audience=f"http://{HASHED}")), 401),
    "audience without scheme": (bearer(lambda who: who.token(audience=HASHED)), 401),
    "another service's audience": (
        bearer(lambda who: who.token(audience=f"https://other-{HASHED}")), 401,
    ),
    "gcloud's audience, person": (bearer(lambda who: who.learner()), 200),
    "service URL, person": (bearer(lambda who: who.learner(f"https://{HASHED}")), 200),
    "gcloud's audience, service account": (
        bearer(lambda who: who.token(audience=GCLOUD_CLIENT)), 401,
    ),
    "no role": (bearer(lambda who: who.token("stranger")), 403),
    "no role, other header": (bearer(lambda who: who.token("stranger"), SERVERLESS), 403),
    "access token": (bearer(access_token), 401),
    "expired by the cloud's clock": (bearer(Who.expired), 401),
    "signed by somebody else": (bearer(Who.forged), 401),
    "other issuer": (bearer(lambda who: who.forged(iss="https://evil.example")), 401),
    "alg none": (bearer(unsigned), 401),
    "claims changed": (bearer(tampered), 401),
    "no token after the scheme": (lambda who: ["Authorization: Bearer"], 401),
    "not a token": (bearer(lambda who: "abc"), 401),
    "signature cut off": (bearer(lambda who: who.token().rpartition(".")[0]), 401),
    "signature already removed": (
        bearer(lambda who: who.token().rpartition(".")[0] + ".SIGNATURE_REMOVED_BY_GOOGLE"), 401,
    ),
    "basic scheme": (lambda who: [f"Authorization: Basic {who.token()}"], 401),
    "token without a scheme": (lambda who: [f"Authorization: {who.token()}"], 401),
    "scheme in lower case": (lambda who: [f"Authorization: bearer {who.token()}"], 200),
    "two tokens in one header": (lambda who: [f"Authorization: Bearer {who.token()} x"], 401),
    "two headers": (lambda who: [f"Authorization: Bearer {who.token()}"] * 2, 401),
    "two headers of one name": (
        lambda who: [f"Authorization: Bearer {who.token()}", "authorization: Basic x"], 401,
    ),
    "serverless header": (bearer(lambda who: who.token(), SERVERLESS), 200),
    "serverless header good, other bad": (
        lambda who: ["Authorization: Bearer mine", f"{SERVERLESS}: Bearer {who.token()}"], 200,
    ),
    "serverless header bad, other good": (
        lambda who: [f"Authorization: Bearer {who.token()}", f"{SERVERLESS}: Bearer x"], 401,
    ),
    "serverless header empty, other good": (
        lambda who: [f"Authorization: Bearer {who.token()}", f"{SERVERLESS}:"], 403,
    ),
    "two serverless headers": (
        lambda who: [f"{SERVERLESS}: Bearer {who.token()}"] * 2, 401,
    ),
}  # fmt: skip


def invokers(*members: str) -> dict[str, Any]:
    return {"bindings": [{"role": "roles/run.invoker", "members": list(members)}]}


async def private(cloud: World) -> Who:
    """Serves a private service in whose project nobody but the caller and the learner may call."""
    who = Who(cloud)
    for name in ("caller", "stranger"):
        cloud.accounts.create_service_account(PROJECT, name)
    cloud.policies.set(NAME, invokers(f"serviceAccount:{who.account('caller')}"))
    revision = cloud.revision()
    targets = (Target(revision.name, 100), Target(revision.name, 0, "green"))
    await cloud.serve(revision, targets=targets, check_invoker=True, audiences=(CUSTOM,))
    return who


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[int, dict[str, Any]]]:
    """Every case through both addresses; what came back, and the request's log entry."""

    async def scenario() -> dict[str, tuple[int, dict[str, Any]]]:
        found: dict[str, tuple[int, dict[str, Any]]] = {}
        async with world(tmp_path_factory.mktemp("invoker")) as cloud:
            who = await private(cloud)
            for name, (headers, _) in CASES.items():
                statuses, earlier = set(), cloud.log("requests")
                for host in (HASHED, NUMBERED):
                    answer = await cloud.get("/revision", *headers(who), host=host)
                    statuses.add(answer.status)
                    if answer.status == 401:
                        assert answer.headers["www-authenticate"] == (
                            'Bearer error="invalid_token"'
                            ' error_description="The access token could not be verified"'
                        )
                    cloud.clock.offset = 0.0
                assert len(statuses) == 1, name
                # Not the last one: the clock has been turned back.
                entry, _ = [each for each in cloud.log("requests") if each not in earlier]
                found[name] = (statuses.pop(), entry)
        return found

    return asyncio.run(scenario())


@pytest.mark.parametrize("case", CASES)
def test_a_private_service(case: str, outcomes: dict[str, tuple[int, dict[str, Any]]]) -> None:
    """None gets in whom Google would refuse; the log says why, and holds no token."""
    status, entry = outcomes[case]
    assert status == CASES[case][1]
    assert entry.get("textPayload") in LOG_LINES[status]
    assert entry["severity"] == ("INFO" if status == 200 else "WARNING")
    assert "eyJ" not in json.dumps(entry)


def test_no_token_and_no_permission_have_different_log_lines(
    outcomes: dict[str, tuple[int, dict[str, Any]]],
) -> None:
    """The log tells the reader which of the two 403 it is."""
    assert outcomes["no header"][1]["textPayload"] == NO_TOKEN
    assert outcomes["no role"][1]["textPayload"] == NO_PERMISSION


def test_the_app_sees_no_signature(tmp_path: Path) -> None:
    """An app must not be able to pass on a caller's token; a token of its own stays whole."""

    async def scenario() -> None:
        async with world(tmp_path) as cloud:
            who = await private(cloud)
            token = who.token()
            kept = token.rpartition(".")[0] + ".SIGNATURE_REMOVED_BY_GOOGLE"
            for sent, seen in (
                ([f"Authorization: Bearer {token}"], {"Authorization": f"Bearer {kept}"}),
                (
                    ["Authorization: Bearer mine", f"{SERVERLESS}: Bearer {token}"],
                    {"Authorization": "Bearer mine", SERVERLESS: f"Bearer {kept}"},
                ),
            ):
                answer = await cloud.get("/request", *sent)
                headers = dict(json.loads(answer.body)["headers"])
                assert {name: headers.get(name) for name in seen} == seen

    asyncio.run(scenario())


@pytest.mark.parametrize("way", ["check off", "allUsers"])
def test_a_public_service_takes_any_header(tmp_path: Path, way: str) -> None:
    """Apps with a login of their own send their own tokens to public services."""

    async def scenario() -> None:
        async with world(tmp_path) as cloud:
            cloud.policies.set(NAME, invokers("allUsers") if way == "allUsers" else {})
            await cloud.serve(check_invoker=way == "allUsers")
            token = cloud.tokens.id_token(cloud.accounts.learner, "somewhere else")
            for header in ("Bearer not-a-token", f"Bearer {token}", "Basic eA=="):
                answer = await cloud.get("/request", f"Authorization: {header}")
                assert dict(json.loads(answer.body)["headers"])["Authorization"] == header
            assert (await cloud.get()).status == 200

    asyncio.run(scenario())


def test_all_authenticated_users_still_need_a_token(tmp_path: Path) -> None:
    """The second public member is a trap: it is not public for a browser."""

    async def scenario() -> None:
        async with world(tmp_path) as cloud:
            who = await private(cloud)
            cloud.policies.set(NAME, invokers("allAuthenticatedUsers"))
            assert (await cloud.get()).status == 403
            header = f"Authorization: Bearer {who.token('stranger')}"
            assert (await cloud.get("/revision", header)).status == 200

    asyncio.run(scenario())


def test_a_policy_counts_from_the_moment_it_is_set(tmp_path: Path) -> None:
    """A reader who grants the role tries again at once."""

    async def scenario() -> None:
        async with world(tmp_path) as cloud:
            who = await private(cloud)
            header = f"Authorization: Bearer {who.token('stranger')}"
            assert (await cloud.get("/revision", header)).status == 403
            cloud.policies.set(NAME, invokers(f"serviceAccount:{who.account('stranger')}"))
            assert (await cloud.get("/revision", header)).status == 200
            cloud.policies.set(NAME, {})
            assert (await cloud.get("/revision", header)).status == 403

    asyncio.run(scenario())


def test_a_refused_request_starts_no_instance(tmp_path: Path) -> None:
    """A private service costs nothing while strangers knock."""

    async def scenario() -> None:
        async with world(tmp_path) as cloud:
            await private(cloud)
            assert (await cloud.get()).status == 403
            assert cloud.processes.started == []

    asyncio.run(scenario())


def test_life_of_a_token_by_the_real_clock_is_an_hour(tmp_path: Path) -> None:
    """The fixture of this file moves the clock; without that a token is good."""

    async def scenario() -> None:
        async with world(tmp_path) as cloud:
            who = await private(cloud)
            header = f"Authorization: Bearer {who.token()}"
            assert (await cloud.get("/revision", header)).status == 200
            await cloud.clock.advance(timedelta(minutes=59))
            assert (await cloud.get("/revision", header)).status == 200
            await cloud.clock.advance(timedelta(minutes=1))
            assert (await cloud.get("/revision", header)).status == 401
            assert time.time() < cloud.clock.time()

    asyncio.run(scenario())
