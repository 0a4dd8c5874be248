"""Admits only pages that this server sent, under a name that belongs to this machine, with the token where one is set.

A page of another origin, open in the same browser, can open a WebSocket to this machine. Browsers do not ask the server
first; they only send the page's origin in the handshake (RFC 6455, section 10.2). So a request is refused if its Origin
differs from the address it was sent to. That address must be a name of this server: a page whose own name points to
this machine (DNS rebinding) has a matching origin, but a foreign name.

Others on the network send whatever headers they like, so hosts other than this machine ask for a token as well. It
stands in the address that the command prints; the page that the address gives sets it as a cookie, which the browser
then sends with the page's WebSocket, and only with requests that come from the page's own site.
"""

from __future__ import annotations

import hmac
import http
import ipaddress
import re
import secrets
import socket
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlsplit

ANYWHERE = ("0.0.0.0", "::", "")
"""Hosts that mean all addresses of this machine."""

SCHEMES = {"http": 80, "https": 443}
"""Schemes of an origin with their ports. https: behind a proxy that encrypts."""

PARAMETER = "token"
"""The one parameter that an address may have. viser's page has others, which make it connect to another server."""

_AUTHORITY = re.compile(
    r"(\[[0-9a-f:.]+\]|[a-z0-9_](?:[a-z0-9_.-]{0,252}[a-z0-9_])?\.?)(?::([0-9]{1,5}))?", re.I | re.A
)

Refusal = tuple[http.HTTPStatus, str]


def new_token() -> str:
    """Return a token of 192 random bits for an address."""
    return secrets.token_urlsafe(24)


def is_loopback(host: str) -> bool:
    """Return True for a host that only this machine can reach."""
    named = _parse(host) if ":" not in host else _parse(f"[{host}]")
    return named is not None and _is_this_machine(named[0])


def refusal(host: str | None, origin: str | None, served: str) -> str | None:
    """Return the reason to refuse a request, or None to admit it.

    host, origin: the headers of the request; None if absent (programs send no Origin, browsers always send it with a
    WebSocket).
    served: the host that the server listens on.
    """
    named = _parse(host or "")
    if named is None or not _is_ours(named[0], served):
        name = _shown(host)
        return (
            f"this server is not called {name}; open the address that `splatseg view` printed, or start it with --host"
        )
    if origin is not None and not _same(origin, named):
        return f"a page of {_shown(origin)} may not use this server; open the viewer's own address"
    return None


@dataclass(frozen=True)
class Admission:
    """The rules of one server for requests, HTTP and WebSocket alike."""

    served: str
    """The host that the server listens on."""
    token: str | None = None
    """The token that a request must bring, in its address or as a cookie; None asks for none."""
    cookie: str = field(default="splatseg")
    """Name of the cookie. Cookies are shared by all ports of a host, so servers need different names."""

    def refusal(self, path: str, headers: Any) -> Refusal | None:
        """Return the status and the reason to refuse a request, or None to admit it.

        path: the target of the request, as sent.
        headers: its headers, with `get_all(name)`.
        """
        once = ("Host", "Origin", "Upgrade", "Sec-Fetch-Site")
        single = {name: headers.get_all(name) for name in once}
        # RFC 9112, section 3.2: an absolute target would name another host than the header does.
        plain = path.startswith("/") and path.isascii() and path.isprintable()
        if not plain or len(single["Host"]) != 1 or any(len(values) > 1 for values in single.values()):
            return (
                http.HTTPStatus.BAD_REQUEST,
                f"a request has a target from / on, one Host, and {once[1:]} at most once",
            )
        told = refusal(single["Host"][0], next(iter(single["Origin"]), None), self.served)
        if told is None:
            told = self._refusal_of_ours(path, headers)
        return None if told is None else (http.HTTPStatus.FORBIDDEN, told)

    def _refusal_of_ours(self, path: str, headers: Any) -> str | None:
        """Return the reason to refuse a request of our own origin, or None to admit it."""
        if _is_embedded(headers):
            return "a page of elsewhere may not load this one; open it by its address"
        given = parse_qsl(urlsplit(path).query, keep_blank_values=True)
        if any(name != PARAMETER for name, _ in given):
            return f"an address of this server has no parameter but {PARAMETER}"
        if self.token is not None and not self._has_token([value for _, value in given], headers):
            return "the token is missing or wrong; open the address that `splatseg view` printed"
        return None

    def _has_token(self, given: Sequence[str], headers: Any) -> bool:
        pairs = [pair.strip().partition("=") for line in headers.get_all("Cookie") for pair in line.split(";")]
        candidates = [*given, *(value for name, _, value in pairs if name == self.cookie)]
        # A list, not a generator: every candidate is compared, so the time tells nothing.
        return sum([_equal(each, self.token or "") for each in candidates]) > 0

    def page_headers(self, path: str, host: str) -> dict[str, str]:
        """Return the headers for the answer to an admitted request: the page's own limits, and the cookie.

        path, host: target and Host of the request.
        """
        own = f"'self' data: blob: ws://{host} wss://{host}"
        headers = {
            # No address of elsewhere: what a splat or a name brings along cannot load or send anything.
            "Content-Security-Policy": "default-src 'self' data: blob: 'unsafe-inline' 'unsafe-eval'; "
            f"connect-src {own}; "
            "frame-ancestors 'none'; base-uri 'none'; form-action 'none'; object-src 'none'",
            "Cross-Origin-Opener-Policy": "same-origin",
            "Cross-Origin-Resource-Policy": "same-origin",
            "Referrer-Policy": "no-referrer",
            "X-Content-Type-Options": "nosniff",
            "X-Frame-Options": "DENY",
        }
        if self.token is not None and urlsplit(path).query:
            headers["Set-Cookie"] = f"{self.cookie}={self.token}; Path=/; HttpOnly; SameSite=Strict"
        return headers


def _is_embedded(headers: Any) -> bool:
    """Return True for a request that a page of elsewhere makes, other than by a link that a user follows.

    Browsers tell so since 2023 (Fetch Metadata); of those that do not, Origin and the page's headers remain.
    """
    site = "".join(headers.get_all("Sec-Fetch-Site"))
    goes_there = (headers.get_all("Sec-Fetch-Mode"), headers.get_all("Sec-Fetch-Dest")) == (["navigate"], ["document"])
    return site in ("cross-site", "same-site") and not goes_there


def _parse(authority: str) -> tuple[str, int | None] | None:
    """Return name and port of a Host; None if it is not one. The name is in lower case, an IP address in short form."""
    found = _AUTHORITY.fullmatch(authority)
    if found is None or int(found[2] or 1) not in range(1, 65536):
        return None
    name = found[1].lower().removesuffix(".")
    if not name.startswith("["):
        return name, int(found[2]) if found[2] else None
    try:
        return str(ipaddress.IPv6Address(name[1:-1])), int(found[2]) if found[2] else None
    except ValueError:
        return None


def _same(origin: str, named: tuple[str, int | None]) -> bool:
    scheme, separator, authority = origin.partition("://")
    usual, other = SCHEMES.get(scheme.lower()), _parse(authority)
    if not separator or usual is None or other is None:
        return False
    return (other[0], other[1] or usual) == (named[0], named[1] or usual)


def _is_this_machine(name: str) -> bool:
    address = _address(name)
    return name == "localhost" if address is None else address.is_loopback


def _is_ours(name: str, served: str) -> bool:
    if _is_this_machine(name):
        return True
    if served in ANYWHERE:
        # An IP address is no name: no foreign page can have it as its own.
        return _address(name) is not None or name in {socket.gethostname().lower(), socket.getfqdn().lower()}
    own = _parse(f"[{served}]" if ":" in served else served)
    return own is not None and name == own[0]


def _address(name: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        address = ipaddress.ip_address(name)
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return mapped or address


def _equal(one: str, other: str) -> bool:
    return hmac.compare_digest(one.encode(errors="surrogateescape"), other.encode())


def _shown(sent: str | None) -> str:
    """Return what a stranger sent so that it can be answered: short, and without control characters."""
    return "".join(each if each.isprintable() and each.isascii() else "?" for each in (sent or "nothing")[:80])
