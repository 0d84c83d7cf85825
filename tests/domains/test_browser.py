"""A person's browser opens a mapped domain."""

from __future__ import annotations

from pathlib import Path

import pytest

from helpers.localcloud.gateway.authority import ISSUER
from tests.conftest import LocalCloud
from tests.domains import chromium
from tests.domains.conftest import GOOGLE, Domain, Mappings, advance

pytestmark = pytest.mark.skipif(
    bool(chromium.missing()), reason="chromium and libnss3-tools are needed: make setup-ci"
)


def look(cloud: LocalCloud, url: str, home: Path, *, trusting: bool = True) -> chromium.Page:
    settings = cloud.home.settings()
    proxy = f"http://localcloud:{settings.secret}@127.0.0.1:{settings.port}"
    home.mkdir()
    root = cloud.home.subfolder("ca") / "root.pem"
    return chromium.open_page(url, home, proxy, root if trusting else None)


def test_a_browser_opens_the_mapped_domain_with_its_certificate(
    cloud: LocalCloud, hello: str, domain: Domain, mappings: Mappings, tmp_path: Path
) -> None:
    """What the wiki's team wanted in the end: a page at their own name, and no warning."""
    www = f"www.{domain.name}"
    domain.set(www, "CNAME", GOOGLE)
    mappings.create(www, hello)
    pending = look(cloud, f"https://{www}/", tmp_path / "pending")
    assert pending.error == "net::ERR_CONNECTION_CLOSED"
    assert pending.certificate == {}

    advance(cloud, "15m")
    page = look(cloud, f"http://{www}/", tmp_path / "ready")
    assert page.error == ""
    assert page.url == f"https://{www}/"
    assert hello in page.text
    assert page.certificate["sanList"] == [www]
    assert page.certificate["issuer"] == ISSUER
    assert page.certificate["protocol"].startswith("TLS 1.")

    stranger = look(cloud, f"https://{www}/", tmp_path / "stranger", trusting=False)
    assert stranger.error == "net::ERR_CERT_AUTHORITY_INVALID"
