"""`splatseg view`: look at a run or a splat in the browser, click objects, name them, take them away as files."""

from __future__ import annotations

import webbrowser
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from splatseg.cli.console import Terminal
from splatseg.interrupts import wait_for_interrupt


@dataclass(frozen=True)
class View:
    """Open a run or a splat file in the browser: look around, click objects, edit segments, export.

    The server runs until Ctrl-C and listens on this machine only. From another machine: `ssh -L 8080:localhost:8080`,
    or --host 0.0.0.0, which lets everyone in who can reach this one.
    """

    path: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="RUN|FILE")]
    """A run folder, or any splat file."""
    port: int = 8080
    """The port to listen on; if it is taken, the next free one."""
    host: str = "127.0.0.1"
    """Addresses that may connect: 127.0.0.1 is this machine only; 0.0.0.0 is everyone on the network."""
    model: str | None = None
    """Folder (or name) of a model that understands words, as for `splatseg select --text`. Default: the one the run was
    described with."""
    segmenter: str | None = None
    """Folder (or name) of a Segment Anything model, if --model is a detector."""
    open: bool = False
    """Open the page in this machine's browser."""

    def run(self, terminal: Terminal) -> None:
        """Serve until Ctrl-C; selections and names are kept."""
        from splatseg.viewer.server import LOCALHOST, Viewer, import_viser

        import_viser()
        from splatseg.viewer.shown_scene import open_shown

        scene = open_shown(self.path)
        for warning in scene.warnings:
            terminal.warn(warning)
        scene.use_words(self.model, self.segmenter)
        viewer = Viewer(scene, exports_beside(self.path), self.host, self.port)
        if viewer.port != self.port:
            terminal.say(f"port {self.port} is taken; this is port {viewer.port}")
        if self.host != LOCALHOST:
            terminal.warn(f"listening on {self.host}: whoever can reach this machine can see and change this scene")
        terminal.results.print(f"{scene.name} is at {viewer.address}", highlight=False, soft_wrap=True)
        terminal.say("Ctrl-C ends it; selections and names are kept")
        if self.open:
            webbrowser.open(viewer.address)
        try:
            wait_for_interrupt()
        finally:
            if scene.save_state == "saving":
                terminal.say("writing the edited segments; this can take a while")
            viewer.close()


def exports_beside(path: Path) -> Path:
    """Return the folder for files that the page writes: RUN/exports, or NAME-exports beside a splat file."""
    return path / "exports" if path.is_dir() else path.with_name(f"{path.stem}-exports")
