"""Who is let in to a service: identity tokens by caller, header, policy and clock.

Every case goes through both addresses of its service, in a cloud of its own, whose clock moves.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import hmac
import json
import sqlite3
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from helpers.localcloud import control
from helpers.localcloud.home import Home
from tests.clients.logged import REQUESTS, listed
from tests.clients.own import built, finish
from tests.conftest import eventually
from tests.faults.client import PARENT, RUN, Client

PROJECT = "hands-on"
LEARNER = "learner@example.com"
GCLOUD = "32555940559.apps.googleusercontent.com"
INVOKER = "roles/run.invoker"
CUSTOM = "https://api.example.com"
IAM = "https://iam.googleapis.com/v1"
CREDENTIALS = "https://iamcredentials.googleapis.com/v1/projects/-/serviceAccounts"
TOKEN_URL = "https://oauth2.googleapis.com/token"
AUTHORIZATION, SERVERLESS = "Authorization", "X-Serverless-Authorization"

READ_MORE = (
    " Read more at https://cloud.google.com/run/docs/securing/authenticating Additional"
    " troubleshooting documentation can be found at:"
    " https://cloud.google.com/run/docs/troubleshooting#"
)
NOT_AUTHENTICATED = (
    "The request was not authenticated. Either allow unauthenticated invocations or set the"
    " proper Authorization header."
)
EMPTY = f"{NOT_AUTHENTICATED} Empty Authorization header value."
NO_ROLE = f"{NOT_AUTHENTICATED}{READ_MORE}unauthorized-client"
BAD = f"The request was not authorized to invoke this service.{READ_MORE}401"
PAGES = {
    401: "Your client does not have permission to the requested URL <code>{path}</code>.",
    403: "Your client does not have permission to get URL <code>{path}</code> from this server.",
}
CHALLENGE = (
    'Bearer error="invalid_token" error_description="The access token could not be verified"'
)
Headers = list[tuple[str, str]]


class People:
    """Everybody who calls, and how each gets a token."""

    def __init__(self, home: Home) -> None:
        self.home = home
        self.client = Client(home)
        self.urls: dict[str, list[str]] = {}
        self.keys = {
            name: self.new_account(name) for name in ("caller", "stranger", "between", "farther")
        }
        self.source = json.loads(home.credentials.read_text())["source_credentials"]

    def account(self, name: str) -> str:
        return f"{name}@{PROJECT}.iam.gserviceaccount.com"

    def new_account(self, name: str) -> dict[str, str]:
        """A service account with a key of its own."""
        accounts = f"{IAM}/projects/{PROJECT}/serviceAccounts"
        self.client.call("POST", accounts, json={"accountId": name})
        key = self.client.call("POST", f"{accounts}/{self.account(name)}/keys", json={})
        found: dict[str, str] = json.loads(base64.b64decode(key["privateKeyData"]))
        return found

    def grant(self, on: str, role: str, *members: str) -> None:
        policy = {"bindings": [{"role": role, "members": list(members)}] if members else []}
        self.client.call("POST", f"{on}:setIamPolicy", json={"policy": policy})

    # Tokens

    def signed(self, name: str = "caller", **claims: Any) -> str:
        """A JWT that a service account's key signed."""
        key, now = self.keys[name], int(time.time())
        body = {"iss": key["client_email"], "sub": key["client_email"], "iat": now,
                "exp": now + 3600} | claims  # fmt: skip
        headers = {"kid": key["private_key_id"]}
        return jwt.encode(body, key["private_key"], algorithm="RS256", headers=headers)

    def granted(self, name: str, **claims: Any) -> dict[str, str]:
        grant = "urn:ietf:params:oauth:grant-type:jwt-bearer"
        form = {"grant_type": grant, "assertion": self.signed(name, aud=TOKEN_URL, **claims)}
        answer: dict[str, str] = self.client.call("POST", TOKEN_URL, data=form)
        return answer

    def key(self, audience: str, name: str = "caller") -> str:
        """The ID token that google-auth gets with a key file."""
        return self.granted(name, target_audience=audience)["id_token"]

    def access(self) -> str:
        scope = "https://www.googleapis.com/auth/cloud-platform"
        return self.granted("caller", scope=scope)["access_token"]

    def gcloud(self) -> str:
        """What ``gcloud auth print-identity-token`` prints for a person."""
        with contextlib.closing(sqlite3.connect(self.home.gcloud / "credentials.db")) as database:
            (value,) = database.execute("SELECT value FROM credentials").fetchone()
        form = {**json.loads(value), "grant_type": "refresh_token"}
        form.pop("scopes")
        token: str = self.client.call("POST", TOKEN_URL, data=form)["id_token"]
        return token

    def adc_person(self) -> str:
        """The ID token of a person's application default credentials."""
        form = {**self.source, "grant_type": "refresh_token"}
        token: str = self.client.call("POST", TOKEN_URL, data=form)["id_token"]
        return token

    def impersonated(
        self, audience: str, *delegates: str, name: str = "caller", email: bool = True
    ) -> str:
        """The ID token of an account that the learner gets by impersonation."""
        chain = [f"projects/-/serviceAccounts/{self.account(name)}" for name in delegates]
        body = {"audience": audience, "includeEmail": email, "delegates": chain}
        url = f"{CREDENTIALS}/{self.account(name)}:generateIdToken"
        token: str = self.client.call("POST", url, json=body)["token"]
        return token

    # What is not a good token

    def forged(self, url: str, **changes: Any) -> str:
        good = self.key(url)
        claims = jwt.decode(good, options={"verify_signature": False}) | changes
        headers = {"kid": jwt.get_unverified_header(good)["kid"]}
        key = rsa.generate_private_key(65537, 2048)
        return jwt.encode(claims, key, algorithm="RS256", headers=headers)

    def by_certificate(self, url: str) -> str:
        """A token whose secret is the public certificate, which everybody has."""
        good = self.key(url)
        kid = jwt.get_unverified_header(good)["kid"]
        certificates = self.client.call("GET", "https://www.googleapis.com/oauth2/v1/certs")
        head = encoded({"alg": "HS256", "kid": kid, "typ": "JWT"})
        signed = f"{head}.{good.split('.')[1]}"
        mac = hmac.digest(certificates[kid].encode(), signed.encode(), hashlib.sha256)
        return f"{signed}.{base64.urlsafe_b64encode(mac).decode().rstrip('=')}"

    def unsigned(self, url: str) -> str:
        return f"{encoded({'alg': 'none'})}.{self.key(url).split('.')[1]}."

    def tampered(self, url: str) -> str:
        head, body, signature = self.key(url, "stranger").split(".")
        claims = json.loads(base64.urlsafe_b64decode(body + "=="))
        claims |= {"email": self.account("caller"), "sub": self.keys["caller"]["client_id"]}
        return f"{head}.{encoded(claims)}.{signature}"

    def without_signature(self, url: str) -> str:
        return f"{self.key(url).rpartition('.')[0]}.SIGNATURE_REMOVED_BY_GOOGLE"


def encoded(document: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(document).encode()).decode().rstrip("=")


@dataclass(frozen=True)
class Case:
    """One request: its headers, given the people and the address; and what comes of it."""

    headers: Callable[[People, str], Headers]
    status: int
    line: str | None = None
    service: str = "private"
    advance: str = ""


def bearer(token: Callable[[People, str], str], header: str = AUTHORIZATION) -> Any:
    return lambda who, url: [(header, f"Bearer {token(who, url)}")]


def key(who: People, url: str) -> str:
    return who.key(url)


def other_form(who: People, url: str) -> str:
    return who.key(next(each for each in who.urls["private"] if each != url))


def tag_of(url: str, tag: str) -> str:
    return url.replace("https://", f"https://{tag}---")


CASES: dict[str, Case] = {
    # No token.
    "nobody": Case(lambda who, url: [], 403, EMPTY),
    "an empty header": Case(lambda who, url: [(AUTHORIZATION, "")], 403, EMPTY),
    "an empty serverless header": Case(lambda who, url: [(SERVERLESS, "")], 403, EMPTY),
    # Good tokens of those who have the role.
    "a key file": Case(bearer(key), 200),
    "the other address as audience": Case(bearer(other_form), 200),
    "an address with a slash": Case(bearer(lambda who, url: who.key(url + "/")), 200),
    "a tag's address": Case(bearer(lambda who, url: who.key(tag_of(url, "green"))), 200),
    "a custom audience": Case(bearer(lambda who, url: who.key(CUSTOM)), 200),
    "gcloud, as owner of the project": Case(bearer(lambda who, url: who.gcloud()), 200),
    "by impersonation": Case(bearer(lambda who, url: who.impersonated(url)), 200),
    "by a chain of impersonation": Case(
        bearer(lambda who, url: who.impersonated(url, "between", name="farther")), 200
    ),
    "without an e-mail address": Case(
        bearer(lambda who, url: who.impersonated(url, email=False)), 200
    ),
    "the scheme in small letters": Case(
        lambda who, url: [(AUTHORIZATION, f"bearer {who.key(url)}")], 200
    ),
    "the serverless header": Case(bearer(key, SERVERLESS), 200),
    "the app's own Authorization beside it": Case(
        lambda who, url: [(AUTHORIZATION, "Basic eDp5"), (SERVERLESS, f"Bearer {who.key(url)}")],
        200,
    ),
    # Good tokens of those who have not.
    "no role": Case(bearer(lambda who, url: who.key(url, "stranger")), 403, NO_ROLE),
    "no role, serverless header": Case(
        bearer(lambda who, url: who.key(url, "stranger"), SERVERLESS), 403, NO_ROLE
    ),
    "no role, but a good token in the header that is not looked at": Case(
        lambda who, url: [
            (AUTHORIZATION, f"Bearer {who.key(url)}"),
            (SERVERLESS, f"Bearer {who.key(url, 'stranger')}"),
        ],
        403,
        NO_ROLE,
    ),
    # Good tokens for somewhere else.
    "another service": Case(bearer(lambda who, url: who.key(who.urls["public"][0])), 401, BAD),
    "a page": Case(bearer(lambda who, url: who.key(f"{url}/request")), 401, BAD),
    "no scheme": Case(bearer(lambda who, url: who.key(url.partition("//")[2])), 401, BAD),
    "plain HTTP": Case(bearer(lambda who, url: who.key("http" + url[5:])), 401, BAD),
    "a tag that is not there": Case(
        bearer(lambda who, url: who.key(tag_of(url, "red"))), 401, BAD
    ),
    "a custom audience with a slash": Case(
        bearer(lambda who, url: who.key(CUSTOM + "/")), 401, BAD
    ),
    "gcloud's audience for a service account": Case(
        bearer(lambda who, url: who.key(GCLOUD)), 401, BAD
    ),
    "a person's token of another client": Case(
        bearer(lambda who, url: who.adc_person()), 401, BAD
    ),
    # What is no ID token.
    "an access token": Case(bearer(lambda who, url: who.access()), 401, BAD),
    "signed by the account itself": Case(
        bearer(lambda who, url: who.signed(aud=url)), 401, BAD
    ),
    "signed by the account in Google's name": Case(
        bearer(lambda who, url: who.signed(aud=url, iss="https://accounts.google.com")), 401, BAD
    ),
    "signed by somebody else": Case(bearer(lambda who, url: who.forged(url)), 401, BAD),
    "signed with the public certificate": Case(bearer(People.by_certificate), 401, BAD),
    "not signed": Case(bearer(People.unsigned), 401, BAD),
    "claims changed": Case(bearer(People.tampered), 401, BAD),
    "what an app has seen": Case(bearer(People.without_signature), 401, BAD),
    "some text": Case(bearer(lambda who, url: "letmein"), 401, BAD),
    "a scheme alone": Case(lambda who, url: [(AUTHORIZATION, "Bearer")], 401, BAD),
    "a token alone": Case(lambda who, url: [(AUTHORIZATION, who.key(url))], 401, BAD),
    "basic": Case(lambda who, url: [(AUTHORIZATION, f"Basic {who.key(url)}")], 401, BAD),
    "two headers": Case(
        lambda who, url: [(AUTHORIZATION, f"Bearer {who.key(url)}")] * 2, 401, BAD
    ),
    "a bad serverless header before a good one": Case(
        lambda who, url: [
            (AUTHORIZATION, f"Bearer {who.key(url)}"), (SERVERLESS, "Bearer letmein"),
        ],
        401,
        BAD,
    ),
    # Policies.
    "a public service, nobody": Case(lambda who, url: [], 200, None, "public"),
    "a public service, the app's own token": Case(
        lambda who, url: [(AUTHORIZATION, "Bearer letmein")], 200, None, "public"
    ),
    "no check, nobody": Case(lambda who, url: [], 200, None, "unchecked"),
    "no check, the app's own token": Case(
        lambda who, url: [(AUTHORIZATION, "Bearer letmein")], 200, None, "unchecked"
    ),
    "all authenticated users, nobody": Case(lambda who, url: [], 403, EMPTY, "authenticated"),
    "all authenticated users, a stranger": Case(
        bearer(lambda who, url: who.key(url, "stranger")), 200, None, "authenticated"
    ),
    "all authenticated users, an access token": Case(
        bearer(lambda who, url: who.access()), 401, BAD, "authenticated"
    ),
    "all authenticated users, another service's token": Case(
        bearer(lambda who, url: who.key(who.urls["private"][0])), 401, BAD, "authenticated"
    ),
    # The clock.
    "after 59 minutes": Case(bearer(key), 200, advance="59m"),
    "after an hour": Case(bearer(key), 401, BAD, advance="60m"),
    "gcloud's after an hour": Case(
        bearer(lambda who, url: who.gcloud()), 401, BAD, advance="60m"
    ),
    "a new one after all that": Case(bearer(key), 200),
}  # fmt: skip


@dataclass(frozen=True)
class Outcome:
    """What came of a case at one address."""

    status: int
    text: str
    challenge: str | None
    sent: Headers
    entry: dict[str, Any]


def deploy(who: People, image: str, name: str, **fields: Any) -> None:
    body = {"template": {"containers": [{"image": image}]}, **fields}
    client = who.client
    operation = client.call("POST", f"{RUN}/{PARENT}/services?serviceId={name}", json=body)
    done = finish(client, f"{RUN}/{operation['name']}")
    who.urls[name] = done["response"]["urls"]


@pytest.fixture(scope="module")
def who(tmp_path_factory: pytest.TempPathFactory) -> Iterator[People]:
    """A cloud of its own with four services, each with another policy."""
    home = Home(tmp_path_factory.mktemp("tokens"))
    connection = control.connect(home, start=True, hold=True)
    people = People(home)
    image = built(people.client)
    deploy(people, image, "private", customAudiences=[CUSTOM])
    deploy(people, image, "public")
    deploy(people, image, "authenticated")
    deploy(people, image, "unchecked", invokerIamDisabled=True)
    latest = {"type": "TRAFFIC_TARGET_ALLOCATION_TYPE_LATEST", "percent": 100, "tag": "green"}
    url = f"{RUN}/{PARENT}/services/private"
    changed = people.client.call("PATCH", f"{url}?updateMask=traffic", json={"traffic": [latest]})
    finish(people.client, f"{RUN}/{changed['name']}")
    caller, far = (f"serviceAccount:{people.account(name)}" for name in ("caller", "farther"))
    people.grant(f"{RUN}/{PARENT}/services/private", INVOKER, caller, far)
    people.grant(f"{RUN}/{PARENT}/services/public", INVOKER, "allUsers")
    people.grant(f"{RUN}/{PARENT}/services/authenticated", INVOKER, "allAuthenticatedUsers")
    accounts = f"{IAM}/projects/{PROJECT}/serviceAccounts"
    creator, between = "roles/iam.serviceAccountTokenCreator", people.account("between")
    people.grant(f"{accounts}/{people.account('caller')}", creator, f"user:{LEARNER}")
    people.grant(f"{accounts}/{between}", creator, f"user:{LEARNER}")
    people.grant(f"{accounts}/{people.account('farther')}", creator, f"serviceAccount:{between}")
    yield people
    connection.ask("stop")
    connection.wait_closed()


@pytest.fixture(scope="module")
def outcomes(who: People) -> dict[str, list[Outcome]]:
    """Every case through both addresses; their log entries are read at the end."""
    found: dict[str, list[tuple[str, Any, Headers]]] = {}
    connection = control.connect(who.home, start=False, hold=False)
    for number, (name, case) in enumerate(CASES.items()):
        for form, url in enumerate(who.urls[case.service]):
            headers = case.headers(who, url)
            if case.advance:
                connection.ask("advance", by=case.advance)
            page = f"{url}/request?case={number}-{form}"
            found.setdefault(name, []).append((page, who.client.bare(page, headers), headers))
    connection.close()

    def entries() -> dict[str, dict[str, Any]]:
        written = listed(who.home, f'log_id("{REQUESTS}")')
        return {entry["httpRequest"]["requestUrl"]: entry for entry in written}

    log = eventually(entries, lambda log: len(log) == 2 * len(CASES), seconds=10)
    return {
        name: [
            Outcome(
                answer.status,
                answer.data.decode(),
                answer.headers.get("www-authenticate"),
                headers,
                log[url],
            )
            for url, answer, headers in answers
        ]
        for name, answers in found.items()
    }


@pytest.mark.parametrize("name", CASES)
def test_who_is_let_in(name: str, outcomes: dict[str, list[Outcome]]) -> None:
    """A check that lets in what Google refuses teaches people to leave their service open."""
    case = CASES[name]
    for outcome in outcomes[name]:
        assert outcome.status == case.status, outcome.text
        path = "/" + outcome.entry["httpRequest"]["requestUrl"].split("/", 3)[3]
        if case.status != 200:
            assert PAGES[case.status].format(path=path) in outcome.text
        assert outcome.challenge == (CHALLENGE if case.status == 401 else None)
        assert outcome.entry["httpRequest"]["status"] == case.status
        assert outcome.entry.get("textPayload") == case.line
        assert outcome.entry["severity"] == ("INFO" if case.status == 200 else "WARNING")


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if case.status == 200])
def test_what_the_app_sees_of_a_token(name: str, outcomes: dict[str, list[Outcome]]) -> None:
    """An app can read who calls, but cannot pass the token on; its own headers are untouched."""
    case = CASES[name]
    for outcome in outcomes[name]:
        names = (AUTHORIZATION, SERVERLESS)
        seen = [tuple(pair) for pair in json.loads(outcome.text)["headers"] if pair[0] in names]
        checked = outcome.sent[-1:] if case.service in ("private", "authenticated") else []
        kept = [pair for pair in outcome.sent if pair not in checked]
        removed = [
            (header, f"{value.rpartition('.')[0]}.SIGNATURE_REMOVED_BY_GOOGLE")
            for header, value in checked
        ]
        assert seen == kept + removed


def test_there_are_enough_cases() -> None:
    """The table is what stands between a learner and a wrong idea of who is let in."""
    assert len(CASES) >= 30


def test_a_role_that_is_taken_away_counts_at_once(who: People) -> None:
    """Who has lost the role is a stranger, whatever token is left."""
    url, service = who.urls["private"][0], f"{RUN}/{PARENT}/services/private"
    headers = {AUTHORIZATION: f"Bearer {who.key(url)}"}
    assert who.client.get(f"{url}/revision", headers=headers, timeout=30).status_code == 200
    who.grant(service, INVOKER)
    assert who.client.get(f"{url}/revision", headers=headers, timeout=30).status_code == 403
