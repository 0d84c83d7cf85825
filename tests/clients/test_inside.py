"""What a deployed app finds around it: who it is, Google's APIs, the services next to it.

The apps use Google's libraries as they are, and nothing tells them that the cloud is local.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import requests
from google.cloud import iam_admin_v1, run_v2
from google.iam.v1 import iam_policy_pb2, policy_pb2

from tests.clients.images import build
from tests.conftest import REGION, LocalCloud, access_token, eventually

DOCKERFILE = """
FROM python:3.12-slim
WORKDIR /app
COPY requirements.txt .
RUN pip install -r requirements.txt
COPY main.py .
CMD exec gunicorn --bind :$PORT --threads 4 main:app
"""
APP = """
import socket
import urllib.error
import urllib.request

import google.auth
import google.auth.transport.requests
import requests
from flask import Flask, request
from google.cloud import run_v2
from google.oauth2 import id_token

app = Flask(__name__)
google_request = google.auth.transport.requests.Request()
METADATA = "http://metadata.google.internal/computeMetadata/v1/"


@app.get("/")
def hello():
    return f"hello from {request.host}"


@app.post("/metadata")
def metadata():
    asked = request.get_json()
    answer = requests.get(METADATA + asked["path"], headers=asked["headers"])
    return {"status": answer.status_code, "text": answer.text}


@app.get("/services")
def services():
    credentials, project = google.auth.default()
    client = run_v2.ServicesClient(transport=request.args["transport"])
    parent = f"projects/{project}/locations/{request.args['region']}"
    return [service.name.rpartition("/")[2] for service in client.list_services(parent=parent)]


@app.get("/account")
def account():
    credentials, _ = google.auth.default(["https://www.googleapis.com/auth/userinfo.email"])
    credentials.refresh(google_request)
    url = "https://oauth2.googleapis.com/tokeninfo"
    return requests.get(url, params={"access_token": credentials.token}).json()


@app.get("/call")
def call():
    url = request.args["url"]
    token = id_token.fetch_id_token(google_request, url)
    call = urllib.request.Request(url, headers={"Authorization": f"Bearer {token}"})
    try:
        with urllib.request.urlopen(call) as answer:
            return {"status": answer.status, "text": answer.read().decode()}
    except urllib.error.HTTPError as error:
        return {"status": error.code}


@app.get("/headers")
def headers():
    return dict(requests.get(request.args["url"]).headers)


@app.get("/claims")
def claims():
    token = id_token.fetch_id_token(google_request, "https://example.com")
    return id_token.verify_oauth2_token(token, google_request, "https://example.com")


@app.get("/address")
def address():
    try:
        return {"address": socket.gethostbyname(request.args["name"])}
    except OSError as error:
        return {"error": error.strerror}


@app.get("/connect")
def connect():
    try:
        with socket.create_connection((request.args["host"], int(request.args["port"])), 5):
            return {"connected": True}
    except OSError as error:
        return {"connected": False, "why": error.strerror}
"""
PROJECT, NUMBER = "hands-on", 415104041262


def deploy(name: str, image: str, account: str, *, public: bool = True) -> str:
    template = run_v2.RevisionTemplate(
        service_account=account, containers=[run_v2.Container(image=image)]
    )
    service = run_v2.Service(template=template, invoker_iam_disabled=public)
    operation = run_v2.ServicesClient().create_service(
        parent=f"projects/{PROJECT}/locations/{REGION}", service=service, service_id=name
    )
    return operation.result(120).uri


def new_account(name: str) -> str:
    request = iam_admin_v1.CreateServiceAccountRequest(name=f"projects/{PROJECT}", account_id=name)
    return iam_admin_v1.IAMClient().create_service_account(request).email


def allow(email: str, role: str) -> None:
    """Gives an account a role in the project."""
    url = f"https://cloudresourcemanager.googleapis.com/v1/projects/{PROJECT}"
    headers = {"Authorization": f"Bearer {access_token()}"}
    policy = requests.post(f"{url}:getIamPolicy", headers=headers, timeout=30).json()
    policy["bindings"].append({"role": role, "members": [f"serviceAccount:{email}"]})
    body = {"policy": policy}
    requests.post(f"{url}:setIamPolicy", headers=headers, json=body, timeout=30).raise_for_status()


def get(url: str, path: str, /, **parameters: str | int) -> Any:
    answer = requests.get(f"{url}/{path}", params=parameters, timeout=60)
    assert answer.status_code == 200, answer.text
    return answer.json()


def metadata(url: str, path: str, /, **headers: str) -> tuple[int, str]:
    """What the service's instance is answered when it asks the metadata server."""
    headers = {name.replace("_", "-"): value for name, value in headers.items()}
    asked = {"path": path, "headers": headers or {"Metadata-Flavor": "Google"}}
    answer = requests.post(f"{url}/metadata", json=asked, timeout=60).json()
    return answer["status"], answer["text"]


@pytest.fixture(scope="module")
def image(cloud: LocalCloud) -> str:
    packages = "Flask\ngunicorn\ngoogle-auth\nrequests\ngoogle-cloud-run\n"
    return build(PROJECT, "inside", DOCKERFILE, {"main.py": APP, "requirements.txt": packages})


@pytest.fixture(scope="module")
def asker(image: str) -> str:
    """The account of the service that asks."""
    email = new_account("the-asker")
    allow(email, "roles/run.viewer")
    return email


@pytest.fixture(scope="module")
def front(image: str, asker: str) -> Iterator[str]:
    """The address of a service that anybody may ask to ask."""
    yield deploy("front", image, asker)
    run_v2.ServicesClient().delete_service(
        name=f"projects/{PROJECT}/locations/{REGION}/services/front"
    ).result(60)


def test_an_app_knows_where_it_runs_and_as_whom(front: str, asker: str) -> None:
    """An app that asks for its project or region would not start without."""
    own = "instance/service-accounts/default"
    assert metadata(front, "project/project-id") == (200, PROJECT)
    assert metadata(front, "project/numeric-project-id") == (200, str(NUMBER))
    assert metadata(front, "instance/region") == (200, f"projects/{NUMBER}/regions/{REGION}")
    assert metadata(front, "instance/zone") == (200, f"projects/{NUMBER}/zones/{REGION}-1")
    assert metadata(front, f"{own}/email") == (200, asker)
    assert get(front, "account")["email"] == asker


@pytest.mark.parametrize("transport", ["grpc", "rest"])
def test_googles_libraries_work_in_an_app(front: str, transport: str) -> None:
    """They find credentials, the address and the certificate by themselves."""
    assert "front" in get(front, "services", transport=transport, region=REGION)


def test_an_app_calls_a_closed_service(front: str, image: str, asker: str) -> None:
    """Service to service: refused until the caller's account is an invoker; others stay out."""
    closed = deploy("closed", image, new_account("the-asked"), public=False)
    other = deploy("other", image, new_account("the-other"))
    assert get(front, "call", url=closed) == {"status": 403}
    binding = policy_pb2.Binding(role="roles/run.invoker", members=[f"serviceAccount:{asker}"])
    run_v2.ServicesClient().set_iam_policy(
        iam_policy_pb2.SetIamPolicyRequest(
            resource=f"projects/{PROJECT}/locations/{REGION}/services/closed",
            policy=policy_pb2.Policy(bindings=[binding]),
        )
    )
    answer = eventually(lambda: get(front, "call", url=closed), lambda it: it["status"] == 200)
    assert answer["text"] == "hello from " + closed.removeprefix("https://")
    assert get(other, "call", url=closed) == {"status": 403}
    # Neither by asking for it nor by naming it does one instance become another.
    assert metadata(other, f"instance/service-accounts/{asker}/token")[0] == 404
    assert metadata(other, f"instance/service-accounts/{asker}/identity?audience=x")[0] == 404
    ids = [metadata(url, "instance/id")[1] for url in (front, other)]
    assert len(set(ids)) == 2


def test_what_an_app_calls_is_as_near_as_ever(cloud: LocalCloud, front: str) -> None:
    """A simulated distance is the user's: services of one region are side by side."""
    label = "X-Localcloud-Simulated-Latency"
    cloud.control.ask("latency", place="Tokyo")
    try:
        assert label in requests.get(front, timeout=60).headers
        assert label not in get(front, "headers", url=front)
    finally:
        cloud.control.ask("latency", place="off")


def test_an_app_can_verify_an_id_token(front: str, asker: str) -> None:
    """Google's published certificates can be had from inside."""
    claims = get(front, "claims")
    assert (claims["email"], claims["aud"]) == (asker, "https://example.com")


def test_the_metadata_server_cannot_be_tricked(front: str) -> None:
    """An app that fetches any URL it is given must not give its token away."""
    token = "instance/service-accounts/default/token"
    assert metadata(front, token)[0] == 200
    assert metadata(front, token, Accept="*/*")[0] == 403
    assert metadata(front, token, Metadata_Flavor="Google", X_Forwarded_For="10.0.0.1")[0] == 403


def test_an_app_reaches_google_and_nothing_else(front: str, cloud: LocalCloud) -> None:
    """What an instance can connect to is what is listed, not the reader's machine or network."""
    proxy = cloud.home.settings().port
    for host in ("run.googleapis.com", "gcr.io", "asia-docker.pkg.dev", "accounts.google.com"):
        assert get(front, "connect", host=host, port=443) == {"connected": True}
    refused = {"connected": False, "why": "Network is unreachable"}
    assert get(front, "connect", host="1.1.1.1", port=443) == refused
    assert get(front, "connect", host="127.0.0.1", port=proxy)["why"] == "Connection refused"
    unknown = {"connected": False, "why": "Temporary failure in name resolution"}
    assert get(front, "connect", host="www.example.com", port=443) == unknown


def test_an_app_finds_the_names_of_cloud_dns(front: str) -> None:
    """A service that its team calls by a name of their own could not be called otherwise."""
    zones = f"https://dns.googleapis.com/dns/v1/projects/{PROJECT}/managedZones"
    headers = {"Authorization": f"Bearer {access_token()}"}
    zone = {"name": "inside", "dnsName": "inside.example.", "description": ""}
    record = {"name": "db.inside.example.", "type": "A", "ttl": 5, "rrdatas": ["192.0.2.7"]}
    assert "error" in get(front, "address", name="db.inside.example")
    for url, body in ((zones, zone), (f"{zones}/inside/rrsets", record)):
        requests.post(url, json=body, headers=headers, timeout=30).raise_for_status()
    assert get(front, "address", name="db.inside.example") == {"address": "192.0.2.7"}
    assert "error" in get(front, "address", name="no.inside.example")


def test_an_app_that_is_not_root(image: str, asker: str) -> None:
    """The roots it trusts are a file of somebody else."""
    dockerfile = f"FROM {image}\nUSER 1001\n"
    url = deploy("not-root", build(PROJECT, "not-root", dockerfile), asker)
    assert get(url, "account")["email"] == asker
    assert "not-root" in get(url, "services", transport="grpc", region=REGION)
