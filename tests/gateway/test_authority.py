"""The file of roots that every client reads for every connection."""

from __future__ import annotations

import ssl
from pathlib import Path

import certifi
import pytest

from helpers.localcloud.gateway.authority import Authority


def test_a_root_that_two_lists_have_stands_in_the_bundle_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Reading the roots is most of what a connection costs, so none may be read twice."""
    own = tmp_path / "own.pem"
    own.write_bytes(b"# Mine.\n" + Path(certifi.where()).read_bytes())
    monkeypatch.setenv("SSL_CERT_FILE", str(own))
    Authority(tmp_path).write_bundle(tmp_path / "bundle.pem")
    everybodys = Path(certifi.where()).read_text().count("BEGIN CERTIFICATE")
    assert (tmp_path / "bundle.pem").read_text().count("BEGIN CERTIFICATE") == everybodys + 1
    trusted = ssl.create_default_context(cafile=str(tmp_path / "bundle.pem"))
    assert len(trusted.get_ca_certs()) == everybodys + 1
