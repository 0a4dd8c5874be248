"""Requests of other pages, under other names, or without the token are refused."""

from __future__ import annotations

import re

import pytest
from websockets.datastructures import Headers

from splatseg.viewer.page.admission import Admission, is_loopback, new_token, refusal

HOST = "127.0.0.1:8080"


@pytest.mark.parametrize(
    ("host", "origin", "served"),
    [
        ("localhost:8080", "http://localhost:8080", "127.0.0.1"),
        ("127.0.0.1:8080", "http://127.0.0.1:8080", "127.0.0.1"),
        ("127.0.0.1:8080", None, "127.0.0.1"),  # a program, or the page itself before it opens its socket
        ("[::1]:8080", "http://[::1]:8080", "::1"),
        ("[0:0:0:0:0:0:0:1]:8080", "http://[::1]:8080", "::1"),
        ("localhost:9000", "http://localhost:9000", "127.0.0.1"),  # through `ssh -L 9000:localhost:8080`
        ("LocalHost:8080", "http://localhost:8080", "127.0.0.1"),
        ("localhost.:8080", "http://localhost.:8080", "127.0.0.1"),
        ("localhost", "http://localhost", "127.0.0.1"),
        ("localhost:80", "http://localhost", "127.0.0.1"),
        ("192.168.0.7:8080", "http://192.168.0.7:8080", "0.0.0.0"),
        ("192.168.0.7:8080", "http://192.168.0.7:8080", "192.168.0.7"),
        ("[fe80::7]:8080", "http://[fe80::7]:8080", "::"),
        ("lab-3.example:8080", "http://lab-3.example:8080", "lab-3.example"),
        ("lab-3.example", "https://lab-3.example", "lab-3.example"),  # behind a proxy that encrypts
    ],
)
def test_our_own_page_is_let_in(host: str, origin: str | None, served: str) -> None:
    assert refusal(host, origin, served) is None


@pytest.mark.parametrize(
    ("host", "origin", "served", "why"),
    [
        (HOST, "https://evil.example", "127.0.0.1", "a page of https://evil.example may not"),
        (HOST, "http://localhost:8080", "127.0.0.1", "may not use this server"),
        (HOST, "http://127.0.0.1:9999", "127.0.0.1", "may not use this server"),
        (HOST, "http://127.0.0.1", "127.0.0.1", "may not use this server"),
        (HOST, "null", "127.0.0.1", "a page of null may not"),
        (HOST, "", "127.0.0.1", "may not use this server"),
        (HOST, "127.0.0.1:8080", "127.0.0.1", "may not use this server"),
        (HOST, "file://127.0.0.1:8080", "127.0.0.1", "may not use this server"),
        (HOST, "http://127.0.0.1:8080@evil.example", "127.0.0.1", "may not use this server"),
        (HOST, "http://127.0.0.1:8080/", "127.0.0.1", "may not use this server"),
        (HOST, "http://127.0.0.1:8080 http://evil.example", "127.0.0.1", "may not use this server"),
        ("evil.example:8080", "http://evil.example:8080", "127.0.0.1", "not called evil.example:8080"),
        ("EVIL.EXAMPLE.:8080", "http://evil.example.:8080", "127.0.0.1", "not called"),
        ("evil.example:8080", None, "0.0.0.0", "or start it with --host"),
        ("192.168.0.7:8080", None, "127.0.0.1", "not called"),
        ("0.0.0.0:8080", None, "127.0.0.1", "not called"),
        ("10.0.0.1:8080", None, "192.168.0.7", "not called"),
        ("localhost.evil.example", None, "127.0.0.1", "not called"),
        ("evil.localhost:8080", None, "127.0.0.1", "not called"),
        ("127.0.0.1.evil.example", None, "127.0.0.1", "not called"),
        ("127.1:8080", None, "127.0.0.1", "not called"),
        ("localhost:8080@evil.example", None, "127.0.0.1", "not called"),
        ("evil.example#localhost:8080", None, "127.0.0.1", "not called"),
        ("localhost, evil.example", None, "127.0.0.1", "not called"),
        ("localhost:99999", None, "127.0.0.1", "not called"),
        ("localhost:", None, "127.0.0.1", "not called"),
        ("localhost..", None, "127.0.0.1", "not called"),
        ("[::1", None, "127.0.0.1", "not called"),
        ("[::1%25eth0]:8080", None, "::1", "not called"),
        ("[::2]:8080", None, "::1", "not called"),
        ("\nlocalhost", None, "127.0.0.1", r"not called ?localhost"),
        ("", None, "", "not called nothing"),
        (None, None, "127.0.0.1", "not called"),
    ],
)
def test_a_page_of_elsewhere_or_a_name_that_is_not_ours_is_refused(
    host: str | None, origin: str | None, served: str, why: str
) -> None:
    told = refusal(host, origin, served)
    assert told is not None and why in told


@pytest.mark.parametrize(
    ("host", "only"),
    [
        *[(host, True) for host in ("127.0.0.1", "localhost", "::1", "127.0.0.7")],
        *[(host, False) for host in ("0.0.0.0", "::", "192.168.0.7", "lab-3.example", "", "localhost.example")],
    ],
)
def test_hosts_that_others_can_reach_are_told_from_this_machine(host: str, only: bool) -> None:
    assert is_loopback(host) is only


def asked(admission: Admission, path: str = "/", *more: tuple[str, str]) -> int | None:
    """The status of the refusal of a request, None if it is admitted."""
    refused = admission.refusal(path, Headers([("Host", HOST), *more]))
    return None if refused is None else refused[0].value


def test_a_request_that_can_be_read_in_two_ways_is_refused() -> None:
    plain = Admission("127.0.0.1")
    assert asked(plain) is None and asked(plain, "/index.html") is None
    for target in ("http://evil.example/", f"http://{HOST}/", "*", "evil.example:80", "", "/\x7f", "/\xe9"):
        assert asked(plain, target) == 400, target
    assert asked(plain, "/", ("Host", HOST)) == 400
    assert asked(plain, "/", ("Upgrade", "websocket"), ("Upgrade", "h2c")) == 400
    assert asked(plain, "/", ("Origin", f"http://{HOST}"), ("Origin", f"http://{HOST}")) == 400
    refused = plain.refusal("/", Headers([]))
    assert refused is not None and refused[0] == 400, "without Host, as in HTTP/1.0"


def test_a_page_of_elsewhere_may_link_to_ours_but_neither_frame_nor_load_it() -> None:
    plain = Admission("127.0.0.1")

    def fetched(site: str, mode: str, kind: str) -> int | None:
        return asked(plain, "/", ("Sec-Fetch-Site", site), ("Sec-Fetch-Mode", mode), ("Sec-Fetch-Dest", kind))

    assert fetched("none", "navigate", "document") is None
    assert fetched("cross-site", "navigate", "document") is None
    assert fetched("same-origin", "websocket", "empty") is None
    for site in ("cross-site", "same-site"):  # another port of this machine is the same site
        assert fetched(site, "navigate", "iframe") == 403
        assert fetched(site, "no-cors", "script") == 403
        assert fetched(site, "websocket", "empty") == 403


@pytest.mark.parametrize(
    "query", ["websocket=wss://evil.example", "playbackPath=https://evil.example/a", "x", "token=a&x=1"]
)
def test_an_address_that_would_make_our_page_talk_to_another_server_is_refused(query: str) -> None:
    assert asked(Admission("127.0.0.1"), f"/?{query}") == 403


def test_a_token_opens_the_page_and_its_cookie_everything_else() -> None:
    token = new_token()
    locked = Admission("127.0.0.1", token, "splatseg-8080")
    assert re.fullmatch(r"[A-Za-z0-9_-]{32}", token) and token != new_token()
    cookie = locked.page_headers(f"/?token={token}", HOST)["Set-Cookie"]
    assert cookie == f"splatseg-8080={token}; Path=/; HttpOnly; SameSite=Strict"
    assert asked(locked, f"/?token={token}") is None
    assert asked(locked, "/", ("Cookie", f"other=1; splatseg-8080={token}")) is None
    assert asked(locked, "/", ("Cookie", "other=1"), ("Cookie", f"splatseg-8080={token}")) is None
    assert asked(locked, "/", ("Upgrade", "websocket"), ("Cookie", f"splatseg-8080={token}")) is None
    for wrong in ("", "?token=", f"?token={token}x", f"?token={token[:-1]}", "?token=%ff", "?token=None"):
        assert asked(locked, f"/{wrong}") == 403, wrong
    for wrong in ("splatseg-8080=", "splatseg-8080", f"splatseg-8081={token}", f"splatseg-8080={token}x", ";;="):
        assert asked(locked, "/", ("Cookie", wrong)) == 403, wrong
    assert asked(locked, "/", ("Upgrade", "websocket")) == 403
    assert asked(locked, f"/?token={token}", ("Origin", "https://evil.example")) == 403, (
        "a token does not replace the origin"
    )


def test_a_page_may_load_and_send_nothing_elsewhere_and_is_framed_by_nobody() -> None:
    headers = Admission("127.0.0.1").page_headers("/", HOST)
    policy = dict(part.split(" ", 1) for part in headers["Content-Security-Policy"].split("; "))
    assert policy["frame-ancestors"] == "'none'" and headers["X-Frame-Options"] == "DENY"
    assert policy["connect-src"].split() == ["'self'", "data:", "blob:", f"ws://{HOST}", f"wss://{HOST}"]
    assert not re.search(r"https?:|\*", headers["Content-Security-Policy"])
    assert "Set-Cookie" not in headers
