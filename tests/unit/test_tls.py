"""TLS as libpq does it."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING

import pytest
import trustme

from dsqltok import tls

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("PGSSLROOTCERT", raising=False)
    path = tmp_path / "root.pem"
    trustme.CA().cert_pem.write_to_path(str(path))
    return str(path)


@pytest.mark.parametrize(
    ("sslmode", "named", "checks_name", "checks"),
    [
        ("require", None, False, ssl.CERT_NONE),
        ("require", "ROOT", False, ssl.CERT_REQUIRED),
        ("require", "system", False, ssl.CERT_REQUIRED),
        ("verify-ca", None, False, ssl.CERT_REQUIRED),
        ("verify-full", None, True, ssl.CERT_REQUIRED),
        ("verify-full", "ROOT", True, ssl.CERT_REQUIRED),
    ],
)
def test_a_server_is_checked_as_the_url_says(
    root: str, sslmode: str, named: str | None, checks_name: bool, checks: ssl.VerifyMode
) -> None:
    context = tls.context(sslmode, root if named == "ROOT" else named)
    assert (context.check_hostname, context.verify_mode) == (checks_name, checks)
    assert named != "ROOT" or len(context.get_ca_certs()) == 1


def test_the_user_s_own_root_counts_where_the_url_names_none(root: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGSSLROOTCERT", root)
    assert tls.context("require", None).verify_mode == ssl.CERT_REQUIRED
    monkeypatch.setenv("DSQLTOK_SET", "PGHOST PGSSLROOTCERT")  # another env's
    assert tls.context("require", None).verify_mode == ssl.CERT_NONE
