"""The server of the viewer: one scene, a page for every browser.

It listens on this machine only unless another host is given, on the port asked for or the next free one. viser is
imported here and nowhere else at run time: without it the viewer says how to install it.
"""

from __future__ import annotations

import contextlib
import io
import logging
import math
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from splatseg.errors import BackendError
from splatseg.viewer.page.admission import guarded
from splatseg.viewer.page.page import Page
from splatseg.viewer.panels.build import build_panels
from splatseg.viewer.shown_scene import ShownScene
from splatseg.viewer.workspace.saved import SavedWorkspaces

LOG = logging.getLogger("splatseg.viewer")

LOCALHOST = "127.0.0.1"
PORT = 8080

SECONDS_BETWEEN_SAVES = 5.0
"""Selections are kept this often, so that a machine that loses its power loses little."""

TRIED = 100
"""Ports tried from the one that was asked for."""

PANEL = 372
"""Width of the side panel in CSS pixels: its five tabs fit in one row."""

BRAND = (47, 179, 128)


def import_viser() -> Any:
    """The package viser. Raises BackendError with how to install it."""
    try:
        import viser  # noqa: PLC0415 (an extra: the rest of splatseg works without it)
    except ImportError:
        raise BackendError('the viewer needs viser; install it with: pip install "splatseg[viewer]"') from None
    return viser


def free_port(host: str, port: int) -> int:
    """The first free port of a hundred from `port` on. Raises BackendError if there is none, or no such host."""
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
    raise BackendError(f"nothing can listen on {host} from port {port} on ({told}); choose another --port or --host")


def address_of(host: str, port: int) -> str:
    """The address for a browser; where all of this machine's are listened on, that for this machine."""
    host = "localhost" if host in (LOCALHOST, "0.0.0.0", "::") else host
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """viser prints a banner with an address of its own, and that it stopped; ours is said by the command."""
    with contextlib.redirect_stdout(io.StringIO()):
        yield


class Viewer:
    """A running server. `address` is where a browser opens it; `close` ends it and keeps what is not kept yet."""

    def __init__(self, scene: ShownScene, exports: Path, host: str = LOCALHOST, port: int = PORT) -> None:
        """exports: where files are written."""
        viser = import_viser()
        self.scene: ShownScene = scene
        self._exports = exports
        self._saved = SavedWorkspaces(scene)
        self._pages: dict[int, Page] = {}
        self._lock = threading.Lock()
        self._told = ""
        self._unlisten = scene.table.listen(self._table_changed) if scene.table is not None else None
        label = f"splatseg · {scene.name}"
        with _quiet(), guarded(host):
            self.server: Any = viser.ViserServer(host=host, port=free_port(host, port), label=label, verbose=False)
        self.host: str = host
        self.port: int = int(self.server.get_port())
        self._furnish()
        self._closing = threading.Event()
        # Not a daemon: native code must not be in its midst when the interpreter ends.
        threading.Thread(target=scene.warm_up, name="splatseg-warm-up").start()
        threading.Thread(target=self._save_now_and_then, name="splatseg-save", daemon=True).start()
        self.server.on_client_connect(self._arrived)
        self.server.on_client_disconnect(self._left)

    @property
    def address(self) -> str:
        """The address to open in a browser."""
        return address_of(self.host, self.port)

    @property
    def pages(self) -> list[Page]:
        """The pages that are open now."""
        with self._lock:
            return list(self._pages.values())

    def close(self) -> None:
        """Close all pages, keep their selections, end the server, and wait until the scene is saved."""
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
        gui.configure_theme(dark_mode=True, show_logo=False, show_share_button=False, brand_color=BRAND)
        gui.main_panel.dock_right()
        gui.main_panel.set_width(PANEL)
        self.server.scene.set_up_direction(home.up)
        self.server.scene.world_axes.visible = False
        start = self.server.initial_camera
        start.up, start.position, start.look_at = home.up, home.position, home.look_at
        start.fov = home.fov
        reach = math.dist(home.look_at, home.position)
        start.near, start.far = reach * 1e-3, reach * 1e3

    def _arrived(self, client: Any) -> None:
        page = Page(client, self.scene, self._saved.take(), self._exports)
        with self._lock:
            self._pages[client.client_id] = page
        if client.client_id not in self.server.get_clients():
            self._left(client)  # gone before it was known here: nobody will tell again
            return
        try:
            build_panels(page)
            page.begin()
        except Exception as error:
            if page.gone:
                return
            page.failed(error)
        for warning in self.scene.warnings:
            page.say("Note", warning[:1].upper() + warning[1:], color="yellow", seconds=15.0)

    def _left(self, client: Any) -> None:
        with self._lock:
            page = self._pages.pop(client.client_id, None)
        if page is not None:
            page.end()
            self._keep(lambda: self._saved.leave(page.workspace))

    def _save_now_and_then(self) -> None:
        while not self._closing.wait(SECONDS_BETWEEN_SAVES):
            self._keep(self._saved.save)

    def _keep(self, save: Callable[[], None]) -> None:
        """Selections that cannot be saved must not keep anything else from being saved; told once, not every time."""
        try:
            save()
        except OSError as error:
            if str(error) != self._told:
                LOG.warning("the selections of the browsers were not saved: %s", error)
            self._told = str(error)

    def _table_changed(self) -> None:
        for page in self.pages:
            page.do(lambda: None, key="table")
