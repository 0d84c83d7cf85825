"""The roots that every client reads for every connection."""

from __future__ import annotations

from pathlib import Path

import certifi
import pytest

from helpers.localcloud.gateway.authority import Authority


def test_a_root_that_two_lists_have_is_read_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Reading the roots is most of what a connection costs, so none may be read twice."""
    own = tmp_path / "own.pem"
    own.write_bytes(b"# Mine.\n" + Path(certifi.where()).read_bytes())
    monkeypatch.setenv("SSL_CERT_FILE", str(own))
    authority = Authority(tmp_path)
    everybodys = Path(certifi.where()).read_text().count("BEGIN CERTIFICATE")
    assert len(authority.roots()) == everybodys + 1
    assert authority.roots()[-1] == authority.root_file.read_bytes().strip()
