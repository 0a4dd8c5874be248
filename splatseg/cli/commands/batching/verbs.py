"""Commands that a batch can do, and how each takes its scene and its output."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from splatseg.cli.arguments import check_source
from splatseg.cli.commands.evaluate import Evaluate
from splatseg.cli.commands.export import Export
from splatseg.cli.commands.masks import Masks
from splatseg.cli.commands.segment import Segment
from splatseg.cli.commands.train import Train
from splatseg.errors import CaptureError, MaskError, OutputError, PromptError

if TYPE_CHECKING:
    from splatseg.capture.view import View
    from splatseg.run.settings import RunSettings


@dataclass(frozen=True)
class Verb:
    """A command for scenes of a batch."""

    kind: type
    """Its dataclass."""
    noun: str
    """A scene is a capture or a run."""
    scene: str
    """Field of the scene's path."""
    check: Callable[[Any], None]
    """check(command): raises the error of a command that cannot work, before any other starts."""
    output: Callable[[Path, str, Any], Path] | None = None
    """output(out, name, command): the path that is made; None for a command that changes its run."""
    makes_runs: bool = False
    """Its outputs are runs."""
    made_of: tuple[str, ...] = ()
    """Files in a scene that its result shows: if one is changed, it is to be made again."""

    def is_scene(self, path: Path) -> bool:
        """Tell whether a folder is a scene for this command."""
        if self.noun == "run":
            return (path / "config.yaml").is_file()
        from splatseg.capture.capture import find_cameras

        try:
            find_cameras(path)
        except CaptureError:
            return False
        return True

    def placed(self, command: Any, source: Path, output: Path | None, overwrite: bool) -> Any:
        """Return a command with its scene and its output, so that it goes on where it was, or begins anew."""
        changes: dict[str, Any] = {self.scene: source} | ({} if output is None else {"output": output})
        if isinstance(command, Train):
            changes |= {"resume": not overwrite, "overwrite": overwrite}
        elif isinstance(command, Masks):
            changes["request"] = dataclasses.replace(command.request, overwrite=overwrite)
        return dataclasses.replace(command, **changes)


def _check_train(command: Train) -> None:
    from splatseg.run.create import check_room

    settings = command.settings()
    _check_folders(settings)
    check_room(command.output, command.resume, command.overwrite)


def _check_folders(settings: RunSettings, views: Sequence[View] | None = None) -> None:
    """Raise MaskError if the masks of settings are not there, or are of another capture; CaptureError without one.

    views: those of the capture, if it is not where the settings say.
    """
    from splatseg.capture.capture import load_cameras
    from splatseg.masks.sources import open_sources
    from splatseg.run.settings import AUTO_MASKS

    folders = [(folder.path, folder.weight) for folder in settings.masks if folder.path != AUTO_MASKS]
    drawn = [settings.true_masks] if settings.true_masks else []
    for path in [*(path for path, _ in folders), *drawn]:
        _check_there(Path(path), "masks")
    if folders or drawn:  # names only: masks are read when their scene begins
        views = load_cameras(settings.capture.path, with_images=True) if views is None else views
        open_sources(folders, views, settings.true_masks)


def _check_masks(command: Masks) -> None:
    from splatseg.capture.capture import find_cameras

    if command.export is not None:
        raise PromptError("--export writes masks in another form, once; leave it out")
    find_cameras(command.source)


def _check_segment(command: Segment) -> None:
    from splatseg.run.folder import open_run
    from splatseg.run.moved_capture import moved_settings

    run = open_run(command.folder)
    settings = run.settings if command.capture is None else moved_settings(run.settings, command.capture)
    if command.finds_anew(run):
        # A capture that was moved along with its run is found by the run.
        there = Path(settings.capture.path).exists()
        _check_folders(
            settings.with_given_masks(command.masks or None, command.true_masks), None if there else run.capture.views
        )


def _check_evaluate(command: Evaluate) -> None:
    if command.protocol is not None or command.runs:
        raise PromptError("--protocol scores all runs at once; run `splatseg evaluate` by itself, with --run for each")
    if command.gt is None:
        raise PromptError("there is nothing to compare with; give --gt DIR behind --, such as --gt {capture}/gt")
    check_source(command.folder)
    _check_there(command.gt, "label maps")


def _check_export(command: Export) -> None:
    check_source(command.source)


def _check_there(path: Path, noun: str) -> None:
    if not path.exists():
        raise MaskError(f"there are no {noun} at {path}; check the path")


def _export_path(out: Path, name: str, command: Export) -> Path:
    if command.options.each or command.options.layout is not None:
        return out / name
    if command.options.format is None:
        raise OutputError("files of a batch are named by their format; give --format behind --, such as --format spz")
    return out / f"{name}.{command.options.format.lstrip('.')}"


_SHOWN = ("splats.ply", "segments.json", "hierarchy.safetensors")
"""Files of a run that what is exported or measured of it shows."""

VERBS: dict[str, Verb] = {
    "train": Verb(Train, "capture", "capture", _check_train, lambda out, name, _: out / name, makes_runs=True),
    "masks": Verb(Masks, "capture", "source", _check_masks, lambda out, name, _: out / name),
    "segment": Verb(Segment, "run", "folder", _check_segment),
    "evaluate": Verb(Evaluate, "run", "folder", _check_evaluate, made_of=_SHOWN),
    "export": Verb(Export, "run", "source", _check_export, _export_path, made_of=_SHOWN),
}
"""The commands by name."""
