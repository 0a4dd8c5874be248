"""`splatseg view`: look at a run or a splat in the browser, click objects, name them, take them away as files."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro

from splatseg.cli.arguments import Device, Form, MovedCapture, Printed, check_source, opened
from splatseg.cli.console import Terminal
from splatseg.interrupts import wait_for_interrupt
from splatseg.requests.filming import Direction

if TYPE_CHECKING:
    from splatseg.viewer.server import Viewer
    from splatseg.viewer.shown_scene import ShownScene


@dataclass(frozen=True)
class View:
    """Open a run or a splat file in the browser: look around, click objects, edit segments, export.

    The server runs until Ctrl-C and listens on this machine only. From another machine: `ssh -L 8080:localhost:8080`,
    or --host 0.0.0.0, which lets everyone in who has the printed address: it holds a token, new at every start.
    """

    path: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="RUN|FILE")]
    """A run folder, or any splat file."""
    others: Annotated[tuple[Path, ...], tyro.conf.Positional, tyro.conf.arg(metavar="RUN|FILE")] = ()
    """More of them, to be seen together. Edits of their segments are then not kept."""
    port: int = 8080
    """The port to listen on; if it is taken, the next free one."""
    host: str = "127.0.0.1"
    """Addresses that may connect: 127.0.0.1 is this machine only; 0.0.0.0 is everyone on the network."""
    token: bool = False
    """Ask for the token in the address on this machine, too, against its other users. Other hosts always ask."""
    model: str | None = None
    """Folder (or name) of a model that understands words, as for `splatseg select --text`. Default: the one the run was
    described with."""
    segmenter: str | None = None
    """Folder (or name) of a Segment Anything model, if --model is a detector."""
    open: bool = False
    """Open the page in this machine's browser."""
    up: Direction | None = None
    """Direction of up. Default: that of the cameras; without cameras, it is guessed from the floor."""
    capture: MovedCapture = None
    """Folder of the capture, if it is not where it was; a run remembers it."""
    device: Device = None
    """Processor or NVIDIA card to compute on; auto: the card, if there is one that can be used. Default:
    SPLATSEG_DEVICE, else auto."""
    form: Printed = field(default_factory=Form)
    """The form of what is printed."""

    def run(self, terminal: Terminal) -> None:
        """Serve until Ctrl-C; selections and names are kept."""
        for path in (self.path, *self.others):
            check_source(path)
        from splatseg.viewer.server import Viewer, import_viser

        import_viser()
        from splatseg import _native
        from splatseg.jobs.blocks.at_hand import check_memory
        from splatseg.jobs.check import look_at_run
        from splatseg.scene.first_pose import axis_of
        from splatseg.viewer.shown_scene import open_shown

        _native.use_one_heap()  # before pages bring their threads: the memory of those that leave shall go with them

        check_memory(
            f"viewing {' and '.join(map(str, (self.path, *self.others)))}",
            (self.path, *self.others),
            "render, select and export read only what they need: view an export of some segments",
            terminal.warn,
            twice=True,
        )
        if self.capture is not None:
            opened(self.path, self.capture)
        scene = open_shown(self.path, *self.others)
        for warning in scene.warnings:
            terminal.warn(warning)
        for warning in look_at_run(scene.run, scene.splats) if scene.run is not None else []:
            terminal.warn(warning)
        scene.use_words(self.model, self.segmenter)
        if self.up is not None:
            scene.turn(axis_of(self.up))
        viewer = Viewer(scene, exports_beside(self.path), self.host, self.port, token=self.token)
        try:
            wait_for_interrupt(lambda: self._announce(viewer, terminal))
        finally:
            if scene.save_state == "saving":
                terminal.say("writing the edited segments; this can take a while")
            viewer.close()
            _renew_report(scene, terminal)

    def _announce(self, viewer: Viewer, terminal: Terminal) -> None:
        """Print the address, and what is to be known of it."""
        from splatseg.viewer.page.admission import is_loopback

        scene = viewer.scene
        if scene.trouble:
            terminal.warn(scene.trouble)
        if viewer.port != self.port:
            terminal.say(f"port {self.port} is taken; this is port {viewer.port}")
        if not is_loopback(self.host):
            terminal.warn(
                f"listening on {self.host}: whoever has the address below can see and change this scene; "
                "it is not encrypted, so whoever reads the network along has it too"
            )
        facts = {"scene": scene.name, "address": viewer.address, "port": viewer.port}
        terminal.result(f"{scene.name} is at {viewer.address}", facts)
        kept = "selections and names are kept" if scene.run is not None else "edits are not kept, exports are"
        kept = "edits are refused, exports are kept" if scene.read_only else kept
        terminal.say(f"Ctrl-C ends it; {kept}")
        if self.open:
            import webbrowser

            webbrowser.open(viewer.address)


def _renew_report(scene: ShownScene, terminal: Terminal) -> None:
    """Put the names of segments into the report of the run that was shown."""
    from splatseg.report.run_report import renew_names

    if scene.run is None or scene.read_only or scene.run.gone:
        return
    try:
        told = renew_names(scene.run, scene.splats)
    except OSError as error:
        terminal.warn(f"the report keeps its names: {error}")
    else:
        if told:
            terminal.say(told)


def exports_beside(path: Path) -> Path:
    """Return the folder for files that the page writes: RUN/exports, or NAME-exports beside a splat file."""
    return path / "exports" if path.is_dir() else path.with_name(f"{path.stem}-exports")
