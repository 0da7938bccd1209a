"""Who is let in, and how often."""

from __future__ import annotations

import asyncio
import shutil
import stat
import subprocess
from pathlib import Path

import pytest

aiohttp = pytest.importorskip("aiohttp", reason="the dashboard needs aiohttp; pip install aiohttp")

from lss_bev_ros.dashboard.access import (  # noqa: E402 (it needs aiohttp)
    REFUSALS,
    Access,
    Allowance,
)
from lss_bev_ros.dashboard.credentials import is_loopback, tls, token_for  # noqa: E402
from lss_bev_ros.errors import LssBevError  # noqa: E402

TOKEN = "correct-horse-battery-staple"


def asked(dashboard, *requests):
    """Statuses of requests `(method, path, headers)`, one session, no redirect followed."""

    async def go():
        jar = aiohttp.CookieJar(unsafe=True)  # unsafe: of an address
        async with aiohttp.ClientSession(cookie_jar=jar) as session:
            found = []
            for method, path, headers in requests:
                url = f"{dashboard.address}{path}"
                async with session.request(method, url, headers=headers, allow_redirects=False) as answer:
                    found.append((answer.status, dict(answer.headers), await answer.text()))
            return found

    return asyncio.run(go())


def test_nothing_is_shown_without_the_token(make_dashboard):
    dashboard = make_dashboard(access=Access(TOKEN))
    paths = ("/", "/app.js", "/state.json", "/metrics", "/healthz", "/cam", "/live", "/eval", "/nowhere")
    for status, headers, text in asked(dashboard, *[("GET", path, {}) for path in paths]):
        assert status == 401
        assert "token" in text
        assert headers["X-Frame-Options"] == "DENY"
    origin = {"Origin": dashboard.address}
    ((status, _, _),) = asked(dashboard, ("POST", "/replay/pause", origin))
    assert status == 401
    assert dashboard.replay.asked == []


def test_the_token_in_the_address_becomes_a_cookie_that_opens_everything(make_dashboard):
    dashboard = make_dashboard(access=Access(TOKEN))
    origin = {"Origin": dashboard.address}
    first, page, control = asked(
        dashboard,
        ("GET", f"/eval?a=1&token={TOKEN}", {}),
        ("GET", "/", {}),
        ("POST", "/replay/pause", origin),
    )
    assert first[0] == 303
    assert first[1]["Location"] == "./eval?a=1", "the token leaves the address"
    cookie = first[1]["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Strict" in cookie
    assert (page[0], control[0]) == (200, 200)
    assert dashboard.replay.asked == ["pause"]


def test_a_scraper_shows_the_token_in_a_header(make_dashboard):
    dashboard = make_dashboard(access=Access(TOKEN))
    right, wrong, other = asked(
        dashboard,
        ("GET", "/metrics", {"Authorization": f"Bearer {TOKEN}"}),
        ("GET", "/metrics", {"Authorization": f"Bearer {TOKEN}x"}),
        ("GET", "/metrics", {"Authorization": f"Basic {TOKEN}"}),
    )
    assert (right[0], wrong[0], other[0]) == (200, 401, 401)
    assert wrong[1]["WWW-Authenticate"].startswith("Bearer")


def test_who_guesses_is_soon_no_longer_heard_even_with_the_right_one(make_dashboard):
    dashboard = make_dashboard(access=Access(TOKEN))
    guesses = [("GET", f"/?token=guess-{n}-guess-guess", {}) for n in range(int(REFUSALS[1]) + 2)]
    statuses = [status for status, _, _ in asked(dashboard, *guesses, ("GET", f"/?token={TOKEN}", {}))]
    assert statuses[:5] == [401] * 5
    assert statuses[-1] == 429


def test_who_asks_too_often_is_told_to_wait(make_dashboard):
    dashboard = make_dashboard()
    origin = {"Origin": dashboard.address}
    answers = asked(dashboard, *[("POST", "/replay/pause", origin)] * 60)
    refused = [headers for status, headers, _ in answers if status == 429]
    assert refused
    assert refused[0]["Retry-After"] == "5"
    assert len(dashboard.replay.asked) < 60


def test_an_allowance_fills_up_with_time_and_forgets_the_oldest_address():
    now = [0.0]
    allowance = Allowance(2.0, 3.0, lambda: now[0], peers=2)
    assert [allowance.take("a") for _ in range(4)] == [True, True, True, False]
    assert allowance.take("b")
    now[0] += 0.5
    assert allowance.take("a")
    assert not allowance.take("a")
    now[0] += 100.0
    assert allowance.left("a") == 3.0
    allowance.take("c")
    allowance.take("d")
    assert len(allowance._left) == 2


@pytest.mark.parametrize(
    ("host", "alone"),
    [
        ("127.0.0.1", True),
        ("localhost", True),
        ("::1", True),
        ("0.0.0.0", False),
        ("robot", False),
        ("", False),
    ],
)
def test_beyond_this_machine_there_is_a_token(tmp_path: Path, host: str, alone: bool):
    assert is_loopback(host) is alone
    token = token_for(host, "", tmp_path / "cache")
    assert (token == "") is alone
    if token:
        file = tmp_path / "cache" / "dashboard.token"
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        assert token_for(host, "", tmp_path / "cache") == token, "a node that comes back keeps it"


def test_a_named_file_holds_on_this_machine_too(tmp_path: Path):
    file = tmp_path / "token"
    file.write_text(f"{TOKEN}\n")
    assert token_for("127.0.0.1", str(file), tmp_path) == TOKEN


@pytest.mark.parametrize("content", [b"", b"short", b"with blanks in the middle", b"\xff\xfe\x00" * 10])
def test_a_file_without_a_token_is_named(tmp_path: Path, content: bytes):
    file = tmp_path / "token"
    file.write_bytes(content)
    with pytest.raises(LssBevError, match=r"no token for the page in .*token"):
        token_for("0.0.0.0", str(file), tmp_path)


def test_tls_files_that_are_none_are_named(tmp_path: Path):
    assert tls("", "") is None
    with pytest.raises(LssBevError, match="tls_key needs tls_certificate"):
        tls("", "key.pem")
    with pytest.raises(LssBevError, match=r"no TLS with .*missing.pem: No such file"):
        tls(str(tmp_path / "missing.pem"), "")
    damaged = tmp_path / "damaged.pem"
    damaged.write_text("no certificate")
    with pytest.raises(LssBevError, match=r"no TLS with .*damaged.pem: .*; name a certificate and its key"):
        tls(str(damaged), "")


def test_the_page_is_served_by_https(tmp_path: Path, make_dashboard):
    certificate = tmp_path / "both.pem"
    self_signed(certificate)
    dashboard = make_dashboard(access=Access(TOKEN, secure=True), context=tls(str(certificate), ""))
    assert dashboard.address.startswith("https://")

    async def go():
        connector = aiohttp.TCPConnector(ssl=False)
        async with aiohttp.ClientSession(connector=connector) as session:
            url = f"{dashboard.address}/?token={TOKEN}"
            async with session.get(url, allow_redirects=False) as answer:
                return answer.status, answer.headers["Set-Cookie"]

    status, cookie = asyncio.run(go())
    assert status == 303
    assert "Secure" in cookie


def self_signed(path: Path) -> None:
    """Write key and certificate of localhost."""
    if shutil.which("openssl") is None:
        pytest.skip("no openssl here to make a certificate")
    made = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    made += ["-subj", "/CN=localhost", "-days", "1", "-keyout", f"{path}.key", "-out", str(path)]
    subprocess.run(made, check=True, capture_output=True)
    path.write_bytes(path.read_bytes() + Path(f"{path}.key").read_bytes())
