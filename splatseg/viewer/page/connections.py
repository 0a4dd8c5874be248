"""Guards the connections of viser's server: who is let in (admission), what they may send (incoming), what they get.

viser has no setting for either, so the function that starts its server is wrapped while it starts. Limits keep one
browser, or all of them together, from taking the memory of the machine.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import http
import logging
import threading
from collections.abc import Callable, Iterator
from importlib.metadata import version
from typing import Any

from splatseg.errors import BackendError
from splatseg.viewer.page.admission import Admission
from splatseg.viewer.page.head import Head
from splatseg.viewer.page.incoming import Offers, Pace, checked
from splatseg.viewer.page.visitor import PRESENT, new_cookie, visitor_of

LOG = logging.getLogger("splatseg.viewer")

PAGES = 32
"""Most browsers at once: each has a thread, and a picture and selections of its own."""

CONNECTIONS = 256
"""Most connections at once, those included that have not asked for anything yet."""

LONGEST_MESSAGE = 64 * 1024
"""Most bytes of a message: a camera takes 300, a text as many as a user types."""

SECONDS_TO_ASK = 10.0
"""Seconds within which a connection must have sent its request."""

_LOCK = threading.Lock()


@contextlib.contextmanager
def guarded(admission: Admission, offers: Offers, head: Head) -> Iterator[None]:
    """Make a websockets server that is started inside ask `admission` and `offers` before viser reads anything.

    head: goes into the page that is sent.

    Raises BackendError if no server was started through it: a viser that starts otherwise would admit every page.
    """
    import websockets.asyncio.server as websockets  # noqa: PLC0415 (comes with viser, an extra)

    plain, door, started = websockets.serve, _Door(admission, offers, head), threading.Event()

    @functools.wraps(plain)
    def serve(handler: Any, *arguments: Any, process_request: Callable[..., Any] | None = None, **options: Any) -> Any:
        started.set()
        options |= {"max_size": LONGEST_MESSAGE, "open_timeout": SECONDS_TO_ASK, "server_header": None}
        options |= {"create_connection": door.kind_of_connection(), "logger": _quiet_logger()}
        answer = functools.partial(door.answer, process_request)
        return plain(functools.partial(door.serve, handler), *arguments, process_request=answer, **options)

    with _LOCK:
        websockets.serve = serve  # type: ignore[assignment, misc]
        try:
            yield
        finally:
            websockets.serve = plain  # type: ignore[misc]
    if not started.is_set():
        raise BackendError("this version of viser cannot be guarded against foreign pages; install viser 1.1")


class _Door:
    """The guard of one server; all its methods run in the server's event loop."""

    def __init__(self, admission: Admission, offers: Offers, head: Head) -> None:
        self._admission, self._offers, self._head = admission, offers, head
        self._version = version("viser")
        self._pages = 0

    def answer(self, page: Callable[..., Any] | None, connection: Any, request: Any) -> Any:
        """Refuse a request, or answer it as viser does, with more headers; None goes on to the WebSocket."""
        refused = self._admission.refusal(request.path, request.headers)
        socket = "Upgrade" in request.headers
        if refused is None and socket and self._pages >= PAGES:
            refused = http.HTTPStatus.SERVICE_UNAVAILABLE, _FULL
        if refused is not None:
            return connection.respond(refused[0], f"{refused[1]}\n")
        if socket:
            return None
        try:
            response = page(connection, request) if page else None
        except (OSError, ValueError):  # a path too long for the file system, or with a NUL
            response = None
        if response is None:
            return connection.respond(http.HTTPStatus.NOT_FOUND, "there is no such page\n")
        for name, value in self._admission.page_headers(request.path, request.headers["Host"]).items():
            response.headers[name] = value
        if response.headers.get("Content-Type", "").startswith("text/html"):
            packed = response.headers.get("Content-Encoding") == "gzip"
            response.body = self._head.furnish(response.body, packed)
            del response.headers["Content-Length"]
            response.headers["Content-Length"] = str(len(response.body))
            cookie = new_cookie(request.headers)
            if cookie:
                response.headers["Set-Cookie"] = cookie  # one more, if there is one
        return response

    async def serve(self, handler: Callable[[Any], Any], connection: Any) -> None:
        """Serve one page, unless there are too many, or it is of another version of viser."""
        if connection.subprotocol != f"viser-v{self._version}":
            await connection.close(1002, f"Version mismatch. Server: {self._version}")  # viser's page knows this code
            return
        if self._pages >= PAGES:  # several shook hands at once
            await connection.close(1013, _FULL)
            return
        self._pages += 1
        PRESENT.set(visitor_of(connection.request.headers))
        try:
            await handler(connection)
        except Exception as error:
            LOG.warning("the connection of a browser ended: %s: %s", type(error).__name__, error)
        finally:
            self._pages -= 1

    def kind_of_connection(self) -> Any:
        """Return the class of connections: its messages are those that have passed the check, and not too fast."""
        import msgspec  # noqa: PLC0415 (comes with viser, an extra)
        from websockets.asyncio.server import ServerConnection  # noqa: PLC0415

        offers = self._offers

        class Connection(ServerConnection):
            def connection_made(self, transport: Any) -> None:
                super().connection_made(transport)
                self._pace = Pace()
                if len(self.server.handlers) > CONNECTIONS:
                    transport.abort()

            async def recv(self, decode: bool | None = None) -> Any:
                while True:
                    raw = await super().recv(decode)
                    # The message waits here, and those behind it in the sender's own memory: TCP holds them back.
                    await asyncio.sleep(self._pace.wait())
                    with contextlib.suppress(msgspec.MsgspecError, RecursionError, ValueError, TypeError):
                        message = checked(msgspec.msgpack.decode(raw) if isinstance(raw, bytes) else None, offers)
                        if message is not None:
                            return msgspec.msgpack.encode(message)

        return Connection


class LoopEvent(asyncio.Event):
    """An event that only its loop sets.

    viser 1.1 sets the event of a client's buffer of messages in whatever thread sends one, and then, as is right, once
    more in the loop. The first, while the loop begins to wait, raises "deque mutated during iteration" in the sender,
    and the message waits for the next; so it is left out.
    """

    def set(self) -> None:
        """Set the event if the caller runs in a loop."""
        with contextlib.suppress(RuntimeError):  # no loop runs in this thread
            asyncio.get_running_loop()
            super().set()


def make_safe(client: Any) -> None:
    """Let threads send to a client of viser while its loop waits for messages; see `LoopEvent`."""
    # The loop may wait for this very event by now, so it changes its class and not its place.
    client._websock_connection.get_message_buffer().message_event.__class__ = LoopEvent


_FULL = f"{PAGES} browsers look at this scene already; close one"


def _quiet_logger() -> logging.Logger:
    """Return a logger for websockets, which logs a traceback for every request that is none; ours say what matters."""
    logger = logging.getLogger("splatseg.viewer.connections")
    logger.setLevel(logging.CRITICAL)
    return logger
