"""Earlier segmentations of a run, kept so that ids, names and colours stay when it is segmented again.

`earlier_segments.safetensors` holds `ids` (L,N) int32, the segment ids of the last few segmentations before the
present one (which is in splats.ply and segments.json), the most recent first; names and colours of ids that are not in
the present one, and the highest id ever given, as JSON in the metadata. A segmentation that returns (another
granularity and back) thus finds its ids, names and colours again. Without segments.json nothing is remembered.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from splatseg.cluster.components import touching_atoms
from splatseg.render.label_maps import HIGHEST_ID
from splatseg.run.folder import Run
from splatseg.segments.colors import Frame, choose_colors, colors_by_place, kept_colors
from splatseg.segments.identity import carried_over
from splatseg.segments.palette import Color, segment_color
from splatseg.segments.segments_json import HIGHEST, read_segments
from splatseg.splats.made_of import as_fact, is_stale
from splatseg.splats.splats import Splats
from splatseg.tensors import read_tensors, write_tensors
from splatseg.untrusted.documents import Field, id_of

FORMAT = "splatseg earlier segments 1"

REMEMBERED = 8
"""Segmentations kept; 4 bytes a Gaussian each. Older ones are forgotten with the names that only they had."""


@dataclass(frozen=True, eq=False)
class Earlier:
    """Segmentations of the past."""

    labelings: tuple[np.ndarray, ...] = ()
    """Segment ids (N,) int32 of each segmentation, the most recent first."""
    names: dict[int, str] = field(default_factory=dict)
    """Names of their segments by id."""
    colors: dict[int, Color] = field(default_factory=dict)
    """Colours of their segments by id."""
    highest: int = 0
    """The highest id that was ever given."""

    @property
    def ids(self) -> set[int]:
        """All ids of these segmentations."""
        return {int(value) for labeling in self.labelings for value in np.unique(labeling)} - {0}

    def without(self, present: np.ndarray) -> Earlier:
        """Return the last REMEMBERED segmentations but `present` (N,), each once, with the names only they have."""
        kept: list[np.ndarray] = []
        for labeling in self.labelings:
            if not any(np.array_equal(labeling, other) for other in (present, *kept)):
                kept.append(labeling)
        kept = kept[:REMEMBERED]
        shown = Earlier(tuple(kept)).ids - set(np.unique(present).tolist())
        present_highest = int(present.max(initial=0))
        # An id that was given and is nowhere any more must not be given again.
        highest = max(self.highest, present_highest)
        return Earlier(
            tuple(kept),
            {segment_id: name for segment_id, name in self.names.items() if segment_id in shown},
            {segment_id: color for segment_id, color in self.colors.items() if segment_id in shown},
            highest if kept or highest > present_highest else 0,
        )


def earlier_segments(run: Run, splats: Splats) -> Earlier:
    """Read the earlier segmentations of a run, with the present one of `splats` as the first.

    Raises RunError if segments.json or the file of earlier segments is damaged.
    """
    if splats.segment_ids is None or not run.segments_path.exists():
        return Earlier()
    begun = run.begun_path
    # Newer than the table: a segmentation was killed, and splat and table may be of different ones.
    if begun.exists() and begun.stat().st_mtime_ns >= run.segments_path.stat().st_mtime_ns:
        return _read(begun)
    table = read_segments(run.segments_path)
    present = splats.segment_ids.numpy().astype(np.int32)
    older = _read(run.earlier_path) if run.earlier_path.exists() else Earlier()
    # Ids of the Gaussians of another splat say nothing of these; names and the highest id stay.
    labelings = () if is_stale(run.earlier_path, splats) else older.labelings
    # What the user wrote into the table comes before what was remembered.
    return Earlier(
        (present, *(labeling for labeling in labelings if len(labeling) == len(present))),
        older.names | {row.id: row.name for row in table},
        # A colour that only follows from the id was given by nobody; those of such tables are often alike side by side.
        older.colors | {row.id: row.color for row in table if row.color != segment_color(row.id)},
        max(older.highest, int(present.max(initial=0)), *(row.id for row in table), 0),
    )


def settled(
    run: Run, splats: Splats, ids: np.ndarray, earlier: Earlier
) -> tuple[np.ndarray, dict[int, str], dict[int, Color]]:
    """Return the ids that new segments `ids` (N,) are to have, (N,) int32, with names and colours by id.

    A segment that is mostly an earlier one gets its id, its name if it had one, and its colour; others get a colour by
    their place, unlike those of the segments they touch.
    """
    ids = carried_over(ids, earlier.labelings, earlier.highest, HIGHEST_ID)[ids]
    means, reach = splats.positions, splats.reach
    pairs = touching_atoms(means, reach, ids)
    met = [pair for labeling in earlier.labelings for pair in touching_atoms(means, reach, labeling)]
    places = colors_by_place(means, ids, Frame.of(np.array([view.camera.position for view in run.capture.views])))
    kept = kept_colors(places, pairs, earlier.colors, met)
    names = {segment_id: name for segment_id, name in earlier.names.items() if segment_id in places}
    return ids, names, choose_colors(places, pairs, kept)


def write_earlier(path: Path, earlier: Earlier, made_of: Mapping[str, str] | None = None) -> None:
    """Write what is to be remembered, atomically; with nothing to remember there is no file.

    made_of: digests of the splat whose segments they are (`splats.made_of`).
    """
    if not earlier.labelings and not earlier.highest:
        path.unlink(missing_ok=True)
        return
    facts = {"names": earlier.names, "colors": earlier.colors, "highest": earlier.highest} | as_fact(made_of)
    ids = np.stack(earlier.labelings) if earlier.labelings else np.zeros((0, 0))
    write_tensors(path, FORMAT, {"ids": ids.astype(np.int32)}, facts)


def _read(path: Path) -> Earlier:
    return read_tensors(path, FORMAT, "delete it, and only present ids and names are kept", _decoded)


def _decoded(tensors: dict[str, np.ndarray], facts: dict[str, Any]) -> Earlier:
    known, labelings = Field(facts), tensors["ids"]
    if labelings.ndim != 2 or labelings.dtype != np.int32 or labelings.min(initial=0) < 0:
        raise ValueError("its ids are not lists of whole numbers from 0")
    names = {id_of(key): name.text() for key, name in known["names"].entries().items()}
    colors = {id_of(key): _color(color) for key, color in known["colors"].entries().items()}
    return Earlier(tuple(labelings), names, colors, known["highest"].whole(0, HIGHEST))


def _color(field: Field) -> Color:
    channels = field.items()
    if len(channels) != 3:
        raise field.wrong("a list of 3 numbers")
    red, green, blue = (channel.whole(0, 255) for channel in channels)
    return red, green, blue
