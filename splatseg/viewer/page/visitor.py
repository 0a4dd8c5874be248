"""Recognises a browser that comes again, and knows what its page shall look like, by three cookies.

    splatseg-browser    128 random bits, set by the server with the first page; HttpOnly, so no script reads them
    splatseg-scheme     light or dark, as the system has it; set by the page itself (head.js), before it connects
    splatseg-look       the key of the link by which the page was opened; set by the page itself, and taken away again

Cookies are shared by all ports of a host, so a browser finds its selection also when the server comes back at another
port. A run keeps a digest of the first, not the key itself: runs are passed on.

Source: BLAKE2b (Aumasson et al. 2013), as Python has it.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

COOKIE, SCHEME, LOOK = "splatseg-browser", "splatseg-scheme", "splatseg-look"
"""Names of the cookies."""

SECONDS = 365 * 24 * 3600
"""Seconds that a browser keeps its key."""

_KEY, _LOOK = re.compile(r"[A-Za-z0-9_-]{22}"), re.compile(r"[A-Za-z0-9_-]{11}")


@dataclass(frozen=True)
class Visitor:
    """A browser, as its cookies tell."""

    key: str = ""
    """Digest of its key; "" for one that keeps no cookies, which is never recognised."""
    light: bool = False
    """True if its system is set to light colours."""
    look: str = ""
    """Key of the link by which it came (`workspace.shared_links`); "" without one."""


NOBODY = Visitor()
"""Who has no cookies of ours."""

PRESENT: ContextVar[Visitor] = ContextVar("PRESENT", default=NOBODY)
"""The browser whose connection is served; viser's own objects do not tell."""


def visitor_of(headers: Any) -> Visitor:
    """Return the browser that sent a request. headers: those of the request, with `get_all(name)`."""
    sent = _key(headers)
    key = hashlib.blake2b(sent.encode(), digest_size=8).hexdigest() if sent else ""
    look = next((value for value in _sent(headers, LOOK) if _LOOK.fullmatch(value)), "")
    return Visitor(key, "light" in _sent(headers, SCHEME), look)


def new_cookie(headers: Any) -> str:
    """Return the header Set-Cookie for a browser that has no key yet; "" for one that has."""
    if _key(headers):
        return ""
    return f"{COOKIE}={secrets.token_urlsafe(16)}; Path=/; Max-Age={SECONDS}; HttpOnly; SameSite=Strict"


def _key(headers: Any) -> str:
    return next((value for value in _sent(headers, COOKIE) if _KEY.fullmatch(value)), "")


def _sent(headers: Any, cookie: str) -> list[str]:
    pairs = [pair.strip().partition("=") for line in headers.get_all("Cookie") for pair in line.split(";")]
    return [value for name, _, value in pairs if name == cookie]
