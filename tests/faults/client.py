"""A client of one home's cloud that needs no environment; as a program, it compares.

As a program it reads a list of expectations from its standard input and prints those that do not
come true: ``{"url": …, "any": [part, …]}`` wants a JSON answer that has one of the parts in it,
``{"url": …, "sha256": …}`` wants those bytes.
"""

from __future__ import annotations

import hashlib
import json
import sys
import time
from pathlib import Path
from typing import Any

import requests
import urllib3

from helpers.localcloud.home import Home
from tests.conftest import REGION

PATIENCE = 60.0
RUN = "https://run.googleapis.com/v2"
PARENT = f"projects/hands-on/locations/{REGION}"


class Client(requests.Session):
    """Sends every request into the cloud of a home, as the learner."""

    def __init__(self, home: Home) -> None:
        super().__init__()
        settings = home.settings()
        self.trust_env = False
        self.proxies = {"https": f"http://localcloud:{settings.secret}@127.0.0.1:{settings.port}"}
        self.verify = str(home.bundle)
        source = json.loads(home.credentials.read_text())["source_credentials"]
        form = {**source, "grant_type": "refresh_token"}
        token = self.post("https://oauth2.googleapis.com/token", data=form, timeout=30).json()
        self.headers["Authorization"] = f"Bearer {token['access_token']}"

    def call(self, method: str, url: str, **options: Any) -> Any:
        """The JSON of an answer. Raises requests.RequestException."""
        answer = self.request(method, url, timeout=60, **options)
        answer.raise_for_status()
        return answer.json()

    def bare(self, url: str, headers: list[tuple[str, str]]) -> urllib3.BaseHTTPResponse:
        """A page, asked for with exactly these headers, be there two of one name."""
        proxy = urllib3.util.parse_url(self.proxies["https"])
        with urllib3.ProxyManager(
            proxy._replace(auth=None).url,
            proxy_headers=urllib3.make_headers(proxy_basic_auth=proxy.auth),
            ca_certs=str(self.verify),
        ) as manager:
            fields = urllib3.HTTPHeaderDict()
            for name, value in headers:
                fields.add(name, value)
            return manager.request("GET", url, headers=fields, timeout=60, retries=False)

    def meets(self, expectation: dict[str, Any]) -> bool:
        """Whether what is read now is what is expected."""
        answer = self.get(expectation["url"], timeout=60)
        if answer.status_code != 200:
            return False
        if "sha256" in expectation:
            return hashlib.sha256(answer.content).hexdigest() == expectation["sha256"]
        return any(has(answer.json(), part) for part in expectation["any"])


def has(document: Any, part: Any) -> bool:
    """Whether a JSON document has all that is in the part; lists must be equal in length."""
    if isinstance(part, dict):
        return isinstance(document, dict) and all(
            key in document and has(document[key], value) for key, value in part.items()
        )
    if isinstance(part, list):
        return (
            isinstance(document, list)
            and len(document) == len(part)
            and all(map(has, document, part))
        )
    return bool(document == part)


def main() -> None:
    """Prints the expectations that have not come true, with what is there instead."""
    client = Client(Home(Path(sys.argv[1])))
    left = json.load(sys.stdin)
    deadline = time.monotonic() + PATIENCE
    while left and time.monotonic() < deadline:
        left = [expectation for expectation in left if not client.meets(expectation)]
        time.sleep(0.1 if left else 0)
    found = [client.get(each["url"], timeout=60).text[:2000] for each in left]
    json.dump([each | {"found": text} for each, text in zip(left, found, strict=True)], sys.stdout)


if __name__ == "__main__":
    main()
