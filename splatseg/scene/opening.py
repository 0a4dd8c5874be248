"""Opening a scene: a run folder with all its files, or any splat file."""

from __future__ import annotations

import warnings
import weakref
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from splatseg.errors import CaptureError, SplatsegError
from splatseg.formats.read import describe_dropped, find_splat, holds_splat, load_splats
from splatseg.formats.sidecar import read_sidecar_table
from splatseg.run.folder import Run, open_run
from splatseg.run.on_disk import OnDisk
from splatseg.scene.keeper import open_table
from splatseg.scene.scene import Scene
from splatseg.scene.table import table_of_file
from splatseg.segments.segment import Segment, described_as
from splatseg.segments.segments_json import segments_of_rows
from splatseg.splats.joined import joined, joined_ids
from splatseg.splats.splats import Splats

S = TypeVar("S", bound=Scene)
T = TypeVar("T")


def open(path: str | Path, *others: str | Path) -> Scene:
    """Open a run folder or a splat file (or a folder with one, as training programs leave it) as a scene.

    others: more of them, to be seen together: each is a segment, or keeps those it has; edits are then not kept.

    Raises RunError for a folder that is neither, whose fit has not finished, or whose files are damaged;
    SplatFileError for a file that cannot be read. Warns of everything that was left out.

    Example:
        >>> scene = splatseg.open(run.path)
        >>> scene.click("012.jpg", (47, 75)).mask("040.jpg").shape
        (120, 160)
    """
    scene = open_together([path, *others], Scene) if others else open_scene(path, Scene)
    for warning in scene.warnings:
        warnings.warn(warning, stacklevel=2)
    if scene.keeper is not None:
        scene.keeper.warn = lambda told: warnings.warn(told, stacklevel=2)
    return scene


def open_scene(path: str | Path, kind: type[S], lenient: bool = False) -> S:
    """Open a run folder or a splat file as a scene of some kind.

    lenient: what of a run cannot be read goes to `Scene.warnings` instead of raising. Raises as `open` does.
    """
    path = Path(path)
    if not holds_splat(path):
        return scene_of_run(open_run(path), kind, lenient)
    path = find_splat(path)
    splats, dropped = load_splats(path)
    known = segments_of_rows(path, read_sidecar_table(path))
    scene = kind(splats, path.name, table_of_file(splats, known))
    scene.path = path
    if dropped:
        scene.warnings.append(describe_dropped(path, dropped))
    return scene


def open_together(paths: Sequence[str | Path], kind: type[S]) -> S:
    """Open several run folders and splat files as one scene of some kind, in the world of the first.

    Each is one segment, called as the file; one that has segments keeps them, "file: name". Raises as `open` does.
    """
    scenes = [open_scene(path, Scene, lenient=True) for path in paths]
    ids, spans = joined_ids([scene.splats for scene in scenes])
    apart = [scene.splats.replace(features=None, segment_ids=None) for scene in scenes]
    splats = joined(apart).replace(segment_ids=ids)
    described, rows = {row.id: row for row in described_as(splats, ())}, list[Segment]()
    for scene, (first, last) in zip(scenes, spans, strict=True):
        if scene.table is None:
            rows += [described[last].renamed(scene.name)] if last in described else []
        else:
            for row in scene.table.rows():
                parent = None if row.parent is None else first + row.parent
                rows.append(replace(row, id=first + row.id, name=f"{scene.name}: {row.name}", parent=parent))
    together = kind(splats, " + ".join(scene.name for scene in scenes), table_of_file(splats, rows))
    together.others = tuple(source for scene in scenes if (source := scene.run or scene.path) is not None)
    together.warnings = [f"{scene.name}: {warning}" for scene in scenes for warning in scene.warnings]
    for scene in scenes:
        scene.close()  # nothing of them is edited here
    return together


def scene_of_run(run: Run, kind: type[S], lenient: bool = False, splats: Splats | None = None) -> S:
    """Make the scene of an open run. splats: its splat, if that is mapped. Raises as `open_scene` does."""
    disk = OnDisk(run)  # before anything is read: what changes from now on is noticed
    splats, told = run.splats() if splats is None else splats, list[str]()

    def read(part: Callable[[], T]) -> T | None:
        try:
            return part()
        except SplatsegError as error:
            # A capture that was moved takes the views away, and nothing else.
            if not lenient and not isinstance(error, CaptureError):
                raise
            told.append(str(error))
            return None

    views = read(lambda: run.capture.views) or ()
    no_views = told[0] if told else ""
    agreement, hierarchy = read(lambda: run.agreement(splats)), read(lambda: run.hierarchy(splats))
    table, keeper = open_table(run, splats, views, hierarchy, disk)
    scene = kind(splats, run.path.resolve().name, table, views, agreement, hierarchy, run, keeper)
    scene.warnings, scene.no_views = told, no_views
    if keeper is not None:
        if not views:
            told.append("without views, edits of segments do not reach the label maps in masks/")
        # Edits are not lost when nobody closes the scene; the keeper does not hold the scene.
        weakref.finalize(scene, keeper.close)
    return scene
