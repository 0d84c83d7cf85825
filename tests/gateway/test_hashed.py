"""The folder of roots holds what OpenSSL looks for, under the names that it looks for."""

from __future__ import annotations

import subprocess
from pathlib import Path

import certifi
import requests
from cryptography import x509
from cryptography.x509.oid import NameOID

from helpers.localcloud.gateway import hashed
from helpers.localcloud.gateway.authority import ROOT, Authority
from tests.conftest import LocalCloud

EVERYBODYS = [found[0] for found in ROOT.finditer(Path(certifi.where()).read_bytes())]


def test_the_names_are_those_that_openssl_gives(tmp_path: Path) -> None:
    """Under another name a root is not found, and a server that is in order is refused."""
    for number, root in enumerate(EVERYBODYS):
        (tmp_path / f"{number:03}.pem").write_bytes(root)
    command = ["openssl", "x509", "-noout", "-subject_hash", "-in"]
    named = {
        subprocess.run([*command, str(path)], capture_output=True, text=True).stdout.strip()
        for path in tmp_path.iterdir()
    }
    assert {name.partition(".")[0] for name in hashed.files(EVERYBODYS)} == named


def test_case_and_spaces_of_a_subject_do_not_count() -> None:
    def named(text: str) -> str:
        return hashed.subject_hash(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)]))

    assert named("My  Root Á") == named(" my root Á ") != named("my root á")


def test_two_roots_of_one_subject_have_two_files(tmp_path: Path) -> None:
    """A root that was renewed and the one before it are both trusted."""
    pair = []
    for name in ("old", "new"):
        (tmp_path / name).mkdir()
        pair.append(Authority(tmp_path / name).root_file.read_bytes())
    names = sorted(hashed.files(pair))
    assert [name.partition(".")[2] for name in names] == ["0", "1"]


def test_what_is_trusted_no_more_leaves_the_folder(tmp_path: Path) -> None:
    hashed.write(tmp_path / "roots", EVERYBODYS[:2])
    hashed.write(tmp_path / "roots", EVERYBODYS[1:3])
    assert {path.read_bytes() for path in (tmp_path / "roots").iterdir()} == set(EVERYBODYS[1:3])


def test_what_is_no_certificate_is_left_out() -> None:
    broken = b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----"
    assert list(hashed.files([broken, EVERYBODYS[0]]).values()) == [EVERYBODYS[0]]


def test_requests_takes_the_roots_from_the_folder(cloud: LocalCloud) -> None:
    """A client that reads all of them anew for each connection is slower by fifty times."""
    session = requests.Session()
    settings = session.merge_environment_settings(
        "https://run.googleapis.com", {}, None, None, None
    )
    assert settings["verify"] == str(cloud.home.roots)
    assert session.get("https://run.googleapis.com/").status_code == 501
    others = {path.read_bytes() for path in cloud.home.roots.iterdir()}
    assert len(others) > len(EVERYBODYS), "servers outside are verified too"
