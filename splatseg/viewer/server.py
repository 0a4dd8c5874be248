"""The server of the viewer: one scene, one page per browser.

It listens on this machine only unless another host is given, on the given port or the next free one; for another host
its address holds a token. viser is imported here and nowhere else at run time; if it is missing, the error says how to
install it.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import io
import logging
import math
import shlex
import socket
import threading
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from splatseg import _native
from splatseg.errors import BackendError
from splatseg.run.folder import Run
from splatseg.viewer.page.admission import PARAMETER, Admission, is_loopback, new_token
from splatseg.viewer.page.connections import guarded, make_safe
from splatseg.viewer.page.head import Head
from splatseg.viewer.page.incoming import Offers
from splatseg.viewer.page.page import TASKS, Page
from splatseg.viewer.page.visitor import PRESENT
from splatseg.viewer.panels.build import build_panels
from splatseg.viewer.shown_scene import ShownScene
from splatseg.viewer.workspace.saved import SavedWorkspaces
from splatseg.viewer.workspace.shared_links import SharedLinks
from splatseg.viewer.workspace.states import restore

LOG = logging.getLogger("splatseg.viewer")

LOCALHOST = "127.0.0.1"
PORT = 8080
"""First port that is tried."""

SECONDS_BETWEEN_SAVES = 5.0
"""Seconds between saves of the selections, so that a power cut loses little."""

TRIED = 100
"""Number of ports that are tried, from the given one on."""

PANEL = 372
"""Width of the side panel in CSS pixels: its five tabs fit in one row."""

BRAND = (47, 179, 128)
"""Colour of buttons and marks in the panel."""

BRAND_ON_LIGHT = (4, 22, 15)
"""The same for a light page. viser makes ten shades up to a pale one; letters have the seventh, whose contrast on white
is 5.8 (WCAG 2.2 asks for 4.5)."""

THEME: dict[str, Any] = {"show_logo": False, "show_share_button": False}
"""Looks of the page, in light and in dark."""


def import_viser() -> Any:
    """Return the package viser. Raises BackendError, with the command to install it, if it is missing."""
    try:
        import viser  # noqa: PLC0415 (an extra: the rest of splatseg works without it)
    except ImportError:
        raise BackendError('the viewer needs viser; install it with: pip install "splatseg[viewer]"') from None
    return viser


def free_port(host: str, port: int) -> int:
    """Return the first free of TRIED ports from `port` on. Raises BackendError for none, or an unknown host."""
    told = ""
    for tried in range(port, min(port + TRIED, 65536)):
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        with socket.socket(family, socket.SOCK_STREAM) as listener:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                listener.bind((host, tried))
            except OSError as error:
                told = str(error.strerror or error)
                continue
        return tried
    raise BackendError(f"no port of {host} from {port} on can be opened ({told}); choose another --port or --host")


def address_of(host: str, port: int, token: str | None = None) -> str:
    """Return the address to open in a browser; localhost if the server listens on all addresses of this machine."""
    host = "localhost" if host in (LOCALHOST, "0.0.0.0", "::") else host
    address = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
    return address if token is None else f"{address}/?{PARAMETER}={token}"


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Silence viser, which prints a banner with its own address; the command prints ours."""
    with contextlib.redirect_stdout(io.StringIO()):
        yield


class Viewer:
    """A running server. Open `address` in a browser; `close` saves all selections and stops the server."""

    def __init__(
        self, scene: ShownScene, exports: Path, host: str = LOCALHOST, port: int = PORT, *, token: bool = False
    ) -> None:
        """Start the server and save selections from now on.

        exports: the folder for exported files.
        token: ask for a token on this machine, too; for hosts that others can reach it is always asked for.
        """
        viser = import_viser()
        self.scene: ShownScene = scene
        self._exports = exports
        self._saved, self._links = SavedWorkspaces(scene), SharedLinks(scene)
        self._pages: dict[int, Page] = {}
        self._lock = threading.Lock()
        self._told = ""
        self._unlisten = scene.table.listen(self._table_changed) if scene.table is not None else None
        self._offers, self._tasks = Offers(), threading.BoundedSemaphore(TASKS)
        self._untidy = False
        label, port = f"splatseg · {scene.name}", free_port(host, port)
        admission = Admission(host, new_token() if token or not is_loopback(host) else None, f"splatseg-{port}")
        head = Head(label, self._command(host, port), reconnects=admission.token is None)
        with _quiet(), guarded(admission, self._offers, head):
            self.server: Any = viser.ViserServer(host=host, port=port, label=label, verbose=False)
        # A page that leaves while its picture is drawn is no fault: what is still sent to it is dropped.
        warnings.filterwarnings("ignore", message="Queued a .* on a closed connection")
        self.host: str = host
        self.token: str | None = admission.token
        self.port: int = int(self.server.get_port())
        scene.watch(address_of(self.host, self.port))
        self._furnish()
        self._closing = threading.Event()
        # Not a daemon: the interpreter must not end while native code runs in this thread.
        threading.Thread(target=scene.warm_up, name="splatseg-warm-up").start()
        threading.Thread(target=self._save_now_and_then, name="splatseg-save", daemon=True).start()
        self.server.on_client_connect(self._arriving)
        self.server.on_client_disconnect(self._left)

    @property
    def address(self) -> str:
        """The address to open in a browser, with the token if there is one."""
        return address_of(self.host, self.port, self.token)

    @property
    def pages(self) -> list[Page]:
        """The pages that are open, one per browser."""
        with self._lock:
            return list(self._pages.values())

    def close(self) -> None:
        """Close all pages, save their selections, stop the server, and wait until the scene is saved."""
        if self._unlisten is not None:
            self._unlisten()
        self._closing.set()
        for page in self.pages:
            self._left(page.client)
        with _quiet():
            self.server.stop()
        self._keep(self._saved.save)
        self.scene.close()

    def _furnish(self) -> None:
        gui, home = self.server.gui, self.scene.home()
        gui.configure_theme(dark_mode=True, brand_color=BRAND, **THEME)
        gui.main_panel.dock_right()
        gui.main_panel.set_width(PANEL)
        self.server.scene.set_up_direction(home.up)
        self.server.scene.world_axes.visible = False
        start = self.server.initial_camera
        start.up, start.position, start.look_at = home.up, home.position, home.look_at
        start.fov = home.fov
        reach = math.dist(home.look_at, home.position)
        start.near, start.far = reach * 1e-3, reach * 1e3

    def _command(self, host: str, port: int) -> str:
        """Return the command that starts this server again."""
        sources = (self.scene.run or self.scene.path, *self.scene.others)
        paths = (source.path if isinstance(source, Run) else source for source in sources if source is not None)
        named = " ".join(shlex.quote(str(path)) for path in paths)
        return f"splatseg view {named} --port {port}" + ("" if host == LOCALHOST else f" --host {host}")

    async def _arriving(self, client: Any) -> None:
        # A coroutine, because viser calls those where the connection's own context (PRESENT) is; in a thread, because
        # its loop has other pages to serve.
        await asyncio.to_thread(self._arrived, client)

    def _arrived(self, client: Any) -> None:
        make_safe(client)
        visitor = PRESENT.get()
        workspace = self._saved.take(visitor.key)
        page = Page(client, self.scene, workspace, self._exports, self._offers, self._tasks)
        with self._lock:
            self._pages[client.client_id] = page
        if client.client_id not in self.server.get_clients():
            self._left(client)  # it left before it was registered here, and no second event will come
            return
        try:
            if visitor.light:
                client.gui.configure_theme(dark_mode=False, brand_color=BRAND_ON_LIGHT, **THEME)
            build_panels(page, self._links)
            page.begin()
            if visitor.look:
                self._follow(page, visitor.look)
        except Exception as error:
            if page.gone:
                return
            page.failed(error)
        for warning in self.scene.warnings:
            page.say("Note", warning[:1].upper() + warning[1:], color="yellow", seconds=15.0)

    def _follow(self, page: Page, key: str) -> None:
        """Show what a link leads to."""
        link = self._links.find(key)
        if link is None:
            page.say("Note", "This link leads nowhere: it is of another run, or too old.", color="yellow")
            return
        pose, state = link
        page.do(lambda: restore(page.workspace, state))
        page.look(pose)

    def _left(self, client: Any) -> None:
        with self._lock:
            page = self._pages.pop(client.client_id, None)
        if page is not None:
            page.end()
            self._keep(lambda: self._saved.leave(page.workspace))
            self._untidy = True

    def _save_now_and_then(self) -> None:
        while not self._closing.wait(SECONDS_BETWEEN_SAVES):
            self._keep(self._watch)
            self._keep(self._saved.save)
            if self._untidy:
                self._untidy = False
                self._tidy()

    def _watch(self) -> None:
        if self.scene.watch(address_of(self.host, self.port)):
            self._table_changed()

    def _tidy(self) -> None:
        """Free the memory of pages that have left.

        A page and viser's client refer to each other, so only the collector frees them, and its turn is rare; what they
        drew with goes to the pool of scratch memory, which keeps up to 512 MB for whoever draws next.
        """
        gc.collect()
        _native.free_scratch()

    def _keep(self, save: Callable[[], None]) -> None:
        """Run `save`. A failure is logged once and stops nothing else from being saved."""
        try:
            save()
        except OSError as error:
            if str(error) != self._told:
                LOG.warning("the selections of the browsers were not saved: %s", error)
            self._told = str(error)

    def _table_changed(self) -> None:
        for page in self.pages:
            page.do(lambda: None, key="table")
