"""Admits only pages that this server sent, under a name that belongs to this machine.

A page of another origin, open in the same browser, can open a WebSocket to this machine. Browsers do not ask the server
first; they only send the page's origin in the handshake (RFC 6455, section 10.2). So a handshake is refused if its
Origin differs from the address it was sent to. That address must be an IP address, localhost, or the host given to the
server: a page whose own name points to this machine (DNS rebinding) has a matching origin, but a foreign name.
"""

from __future__ import annotations

import contextlib
import functools
import http
import ipaddress
import socket
import threading
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlsplit

from splatseg.errors import BackendError

ANYWHERE = ("0.0.0.0", "::", "")
"""Hosts that mean all addresses of this machine."""

_LOCK = threading.Lock()


def refusal(host: str | None, origin: str | None, served: str) -> str | None:
    """Return the reason to refuse a request, or None to admit it.

    host, origin: the headers of the request; None if absent (programs send no Origin, browsers always send it with a
    WebSocket).
    served: the host that the server listens on.
    """
    name = _name(f"//{host or ''}")
    if name is None or not _is_ours(name, served):
        return f"this server is not called {host}; open it by its IP address or as localhost, or start it with --host"
    if origin is not None and urlsplit(origin).netloc != host:
        return f"a page of {origin} may not use this server; open the viewer's own address"
    return None


@contextlib.contextmanager
def guarded(served: str) -> Iterator[None]:
    """Make a websockets server that is started inside refuse the requests that `refusal` names, before reading more.

    viser has no setting for this, so the function that starts its server is wrapped meanwhile. Raises BackendError if
    no server was started through it: a viser that starts otherwise would admit every page.
    """
    import websockets.asyncio.server as websockets  # noqa: PLC0415 (comes with viser, an extra)

    plain, started = websockets.serve, threading.Event()

    @functools.wraps(plain)
    def serve(*arguments: Any, process_request: Callable[..., Any] | None = None, **options: Any) -> Any:
        def admit(connection: Any, request: Any) -> Any:
            why = _refusal_of(request.headers, served)
            if why is not None:
                return connection.respond(http.HTTPStatus.FORBIDDEN, f"{why}\n")
            return process_request(connection, request) if process_request else None

        started.set()
        return plain(*arguments, process_request=admit, **options)

    with _LOCK:
        websockets.serve = serve  # type: ignore[assignment, misc]
        try:
            yield
        finally:
            websockets.serve = plain  # type: ignore[misc]
    if not started.is_set():
        raise BackendError("this version of viser cannot be guarded against foreign pages; install viser 1.1")


def _refusal_of(headers: Any, served: str) -> str | None:
    hosts, origins = headers.get_all("Host"), headers.get_all("Origin")
    if len(hosts) != 1 or len(origins) > 1:
        return "a request must have one Host and at most one Origin"
    return refusal(hosts[0], origins[0] if origins else None, served)


def _name(address: str) -> str | None:
    try:
        return urlsplit(address).hostname
    except ValueError:
        return None


def _is_ours(name: str, served: str) -> bool:
    if name == "localhost" or name.endswith(".localhost"):
        return True
    with contextlib.suppress(ValueError):
        ipaddress.ip_address(name)  # an IP address: no foreign name can point to it
        return True
    if served in ANYWHERE:
        return name in {socket.gethostname().lower(), socket.getfqdn().lower()}
    return name == served.lower()
