"""Saving edits of the table of segments: small files at once, large ones a little later in the background.

At once: segments.json, and if Gaussians changed their segment unsaved_segments.safetensors, their ids (N,) int32.
Later, when nothing was edited for a while: masks/, earlier_segments.safetensors, splats.ply; then the unsaved ids go.
When asked, and in the end: what can be undone (`scene.table_state`).
Whoever opens a run finds unsaved ids only after a crash, and carries on from them, if the splat is not newer: then
something else has segmented the run since.

Nothing is written while another process holds the run (`run.hold`), nor over what somebody else wrote since it was
read, nor where the run is no more (`run.on_disk`): then the edits are "not kept", with the reason, and tried again
with the next edit, by `again`, and when the scene closes.

The segmentation that a run had when it was opened goes to the earlier ones, with the names and colours of segments that
are gone: `splatseg segment` finds them again.
"""

from __future__ import annotations

import dataclasses
import logging
import math
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from splatseg.capture.view import View, one_a_photograph
from splatseg.cluster.hierarchy import Hierarchy
from splatseg.errors import RunError, unwritten
from splatseg.formats.ply.ply import write_ply
from splatseg.render.label_maps import label_map, write_label_map
from splatseg.run.folder import Run
from splatseg.run.hold import HeldError, Hold, take_hold
from splatseg.run.on_disk import OnDisk
from splatseg.scene.earlier_segments import Earlier, earlier_segments, write_earlier
from splatseg.scene.table import SegmentTable, rows_of
from splatseg.scene.table_state import Labeling, read_edits, write_edits
from splatseg.segments.colors import Frame
from splatseg.segments.segment import largest_first
from splatseg.segments.segments_json import HIGHEST, read_segments, write_segments
from splatseg.splats.made_of import GEOMETRY, SEGMENTS, as_fact, is_stale, made_of
from splatseg.splats.splats import Splats
from splatseg.tensors import read_tensors, write_tensors
from splatseg.untrusted.documents import Field

LOG = logging.getLogger("splatseg.scene")

FORMAT = "splatseg unsaved segments 1"

DEBOUNCE = 2.0
"""Seconds without an edit before large files are written."""

QUIET = 0.5
"""Seconds without a picture before the next label map is drawn: a person who looks comes first."""


class TableKeeper:
    """Saves the table of a run. It listens to the table, which knows nothing of it.

    Attributes:
        state: "saved", "saving", or "not kept: " and why.
        drawn: Gives when a picture was drawn last, as time.monotonic() does; label maps wait for a pause.
        warn: Called with a sentence whenever edits could not be kept.
        lasting: The hold of a viewer, which keeps the run as long as it runs; None takes one while edits are saved.
    """

    def __init__(self, table: SegmentTable, run: Run, splats: Splats, views: Sequence[View], disk: OnDisk) -> None:
        """Listen to a table.

        splats: as they are on disk. views: those whose label maps in masks/ follow the edits. disk: the run as it was
        before it was read.
        """
        assert splats.segment_ids is not None
        self.state: str = "saved"
        self.drawn: Callable[[], float] = lambda: -math.inf
        self.warn: Callable[[str], None] = lambda told: None
        self.lasting: Hold | None = None
        self.disk: OnDisk = disk
        self._hold: Hold | None = None
        self._table, self._run, self._splats, self._views = table, run, splats, views
        self._on_disk = splats.segment_ids.numpy().astype(np.int32)
        self._earlier: Earlier | None = None
        self._made_of = made_of(splats, GEOMETRY)
        self._rows = table.now.rows
        self._due: float | None = None
        self._closing = False
        self._wake = threading.Condition()
        self._thread: threading.Thread | None = None
        self._seen = self._undoable = table.now
        table.listen(self._told)

    def _told(self) -> None:
        """Save the table if it changed; a notice that only says how much is saved comes from here and is ignored."""
        with self._table.lock:
            if self._table.now is not self._seen:
                self.changed()

    def changed(self) -> None:
        """Save the table now and schedule the large files. Called with the table's lock held."""
        now = self._seen = self._table.now
        if self._closing:
            self._fail("the scene was closed")
            return
        told = self._refused()
        if told:
            self._fail(told)
            return
        try:
            self._remember_gone(now)
            moved = not np.array_equal(now.ids, self._on_disk)
            if moved:
                write_unsaved(self._run.unsaved_path, now.ids, self._table.highest, self._made_of)
            write_segments(self._run.segments_path, largest_first(now.rows.values()))
            if not moved:
                self._run.unsaved_path.unlink(missing_ok=True)
        except OSError as error:
            self._fail(unwritten(self._run.segments_path, error))
            return
        finally:
            self.disk.wrote_table()
        with self._wake:
            # Even if the ids are those on disk again: the background may have written others in between.
            self._due = time.monotonic() + DEBOUNCE if moved or self._due is not None else None
            self.state = "saved" if self._due is None else "saving"
            if self._due is not None and self._thread is None:
                self._thread = threading.Thread(target=self._work, name="splatseg-save", daemon=True)
                self._thread.start()
            self._wake.notify_all()
            if self._due is None:
                self._let_go()

    def again(self) -> None:
        """Save the table once more if the last edits were not kept: what kept them from it may be over."""
        with self._table.lock:
            if self.state.startswith("not kept") and not self._closing:
                self.changed()

    def flush(self) -> None:
        """Write everything that is not written yet, then return."""
        with self._wake:
            if self._due is not None:
                self._due = time.monotonic()
                self._wake.notify_all()
            self._wake.wait_for(lambda: self._due is None or self._thread is None)

    def close(self) -> None:
        """Write everything that is not written yet, then return. Files that failed are tried once more."""
        with self._table.lock:
            if self.state.startswith("not kept"):
                self.changed()
        with self._wake:
            self._closing = True
            self._wake.notify_all()
        if self._thread is not None:
            self._thread.join()
        self.keep_undo()
        self._let_go()

    def keep_undo(self) -> None:
        """Write what can be undone and redone if that has changed; nothing of a table that could not be kept."""
        with self._table.lock:
            now, edits = self._table.now, self._table.edits
            if now is self._undoable or self.state.startswith("not kept") or self._refused():
                return
            self._undoable = now
        try:
            write_edits(self._run.edits_path, now, edits)
        except OSError as error:  # the next edit tries again
            LOG.warning("the undo of segments was not saved: %s", unwritten(self._run.edits_path, error))

    def hold(self, doing: str) -> Hold:
        """Hold the run until whoever asked releases that. doing: the command. Raises HeldError as `take_hold`."""
        with self._table.lock:
            if self._hold is None:
                self.lasting = take_hold(self._run.path, doing)
            else:  # edits that a crash left are being saved
                self.lasting, self._hold = self._hold, None
                self.lasting.doing = doing
            return self.lasting

    def _refused(self) -> str:
        """Return why nothing may be written to the run now, or "" and hold it."""
        if self.disk.trouble:
            return self.disk.trouble
        if self.lasting is None and self._hold is None:
            try:
                self._hold = take_hold(self._run.path, "a Python program")
            except HeldError as error:
                return str(error)
            return self.disk.trouble  # whoever held it until now may have written
        return ""

    def _fail(self, told: str) -> None:
        before, self.state = self.state, f"not kept: {told}"
        self._let_go()
        if self.state != before:
            self.warn(f"edits of segments are not kept: {told}")

    def _let_go(self) -> None:
        hold, self._hold = self._hold, None
        if hold is not None:
            hold.release()

    def _remember_gone(self, now: Labeling) -> None:
        if self._earlier is None:
            # Before segments.json changes for the first time: it still tells the names of all segments on disk.
            self._earlier = earlier_segments(self._run, self._splats)
        gone = [row for each, row in self._rows.items() if each not in now.rows]
        self._earlier = dataclasses.replace(
            self._earlier,
            names=self._earlier.names | {row.id: row.name for row in gone},
            colors=self._earlier.colors | {row.id: row.color for row in gone},
            highest=self._table.highest,
        )
        self._rows = now.rows

    def _work(self) -> None:
        while True:
            with self._wake:
                while self._due is None or (not self._closing and time.monotonic() < self._due):
                    if self._due is None and self._closing:
                        return
                    self._wake.wait(None if self._due is None else max(self._due - time.monotonic(), 0.0))
                due = self._due
            try:
                done = self._write_large(due)
            except Exception as error:  # whatever it is, whoever edits must be told and the thread must not die
                done = True
                with self._table.lock, self._wake:
                    self._fail(str(error))
                    self._due = None if self._due == due else self._due
                    self._wake.notify_all()
            if done:
                self._table.notify()

    def _write_large(self, due: float) -> bool:
        """Write masks, earlier segments and the splat. Returns False if an edit came in between."""
        with self._table.lock:
            now, earlier = self._table.now, self._earlier
        assert earlier is not None
        self._check()
        splats = self._splats.replace(segment_ids=torch.from_numpy(now.ids))
        shown = made_of(splats, GEOMETRY, SEGMENTS)
        for view in one_a_photograph(self._views):
            self._let_others_draw()
            if self._due != due:
                return False
            self._check()
            write_label_map(self._run.path / "masks" / view.png_name, label_map(splats, view.seen_by), shown)
        write_earlier(self._run.earlier_path, earlier.without(now.ids), self._made_of)
        self._check()
        self.disk.busy = True
        try:
            write_ply(self._run.splats_path, splats, own=False)
        finally:
            with self._table.lock:
                self.disk.wrote_splat()
                self.disk.busy = False
        with self._table.lock, self._wake:
            self._on_disk = now.ids
            if self._due != due:
                # The edit that came while the splat was written must be newer than it, to be taken up after a crash.
                write_unsaved(self._run.unsaved_path, self._table.ids, self._table.highest, self._made_of)
                return False
            self._due = None
            self._run.unsaved_path.unlink(missing_ok=True)
            self.state = "saved"
            self._let_go()
            self._wake.notify_all()
        return True

    def _check(self) -> None:
        """Raise RunError if nothing may be written now."""
        with self._table.lock:
            told = self._refused()
        if told:
            raise RunError(told)

    def _let_others_draw(self) -> None:
        while not self._closing and time.monotonic() - self.drawn() < QUIET:
            time.sleep(0.05)


def open_table(
    run: Run, splats: Splats, views: Sequence[View], hierarchy: Hierarchy | None, disk: OnDisk
) -> tuple[SegmentTable, TableKeeper] | tuple[None, None]:
    """Open the table of a run, with its names and colours, and its keeper; (None, None) without segments.

    disk: the run as it was before `splats` were read.

    Edits that a crash kept from the splat are taken up. Raises RunError for a damaged table.
    """
    if splats.segment_ids is None:
        return None, None
    known = read_segments(run.segments_path) if run.segments_path.exists() else ()
    highest = max(earlier_segments(run, splats).highest, max((row.id for row in known), default=0))
    frame = Frame.of(np.array([view.camera.position for view in views]))
    ids, unsaved = splats.segment_ids.numpy().astype(np.int32), read_unsaved(run, splats)
    if unsaved is not None:
        ids, highest = unsaved[0], max(highest, unsaved[1])
    rows = rows_of(splats.replace(segment_ids=torch.from_numpy(ids)), known, frame)
    table = SegmentTable(Labeling(ids, rows), splats, frame, hierarchy, highest)
    table.edits = read_edits(run.edits_path, table.now)
    keeper = TableKeeper(table, run, splats, views, disk)
    if unsaved is not None:
        with table.lock:
            keeper.changed()
    return table, keeper


def write_unsaved(path: Path, ids: np.ndarray, highest: int, made_of: Mapping[str, str] | None = None) -> None:
    """Write ids (N,) int32 that splats.ply does not have yet, and the highest id ever given, atomically.

    made_of: digests of the splat whose segments they are (`splats.made_of`).
    """
    write_tensors(path, FORMAT, {"ids": ids}, {"highest": highest} | as_fact(made_of))


def read_unsaved(run: Run, splats: Splats) -> tuple[np.ndarray, int] | None:
    """Read ids (N,) int32 of edits that a crash kept from a splat of N Gaussians, and the highest id given.

    None if there are none: no file, one older than the splat, one that cannot be read or is of another splat.
    """
    path = run.unsaved_path

    def decode(tensors: dict[str, np.ndarray], facts: dict[str, Any]) -> tuple[np.ndarray, int] | None:
        ids = tensors["ids"]
        fits = ids.shape == (len(splats),) and ids.dtype == np.int32 and ids.min(initial=0) >= 0
        return (ids, Field(facts)["highest"].whole(0, HIGHEST)) if fits else None

    try:
        if path.stat().st_mtime_ns < run.splats_path.stat().st_mtime_ns:
            return None
        if is_stale(path, splats):
            return None
        return read_tensors(path, FORMAT, "delete it", decode)
    except (OSError, RunError):
        return None
