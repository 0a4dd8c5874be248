"""States of the table of segments and edits as values, and the file that keeps edits with the run to be undone later.

    edits = read_edits(run.edits_path, table.now)          write_edits(run.edits_path, table.now, edits)

`edits.safetensors` holds `where`, `before`, `after` (M,) int32: the Gaussians that the edits gave another segment, edit
after edit, and their ids before and after; and as JSON each edit's kind, its number of them, and the rows it changed.
It begins with those to undo, the oldest first; those to redo follow, the next one last. A digest says which table they
lead to: after anything else wrote the table, they are those of another and forgotten. So is a file that cannot be read.

Alphabet: N Gaussians, n of one edit, M of all.
"""

from __future__ import annotations

import hashlib
import itertools
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from splatseg.errors import RunError
from splatseg.render.label_maps import HIGHEST_ID
from splatseg.segments.segment import Segment
from splatseg.segments.segments_json import segment_rows, segments_of_rows
from splatseg.tensors import read_tensors, write_tensors
from splatseg.untrusted.documents import Field

FORMAT = "splatseg edits 1"

UNDONE = 100
"""Edits that can be undone."""

MOST = 4 * 1024 * 1024
"""Most Gaussians of all edits in the file, 12 bytes each; older edits are left out."""

Rows = Mapping[int, Segment]


@dataclass(frozen=True, eq=False)
class Labeling:
    """A state of the table: which Gaussians belong to which segment, and a row a segment."""

    ids: np.ndarray
    """(N,) int32, the segment of every Gaussian, 0 = none; not to be written to."""
    rows: Mapping[int, Segment]
    """The row of every id that some Gaussian has."""


@dataclass(frozen=True, eq=False)
class Edit:
    """An edit from one state of the table to the next."""

    what: str
    """Its kind: "rename", "merge", ..."""
    rows: tuple[Rows, Rows]
    """The rows of both states, by id."""
    where: np.ndarray
    """The Gaussians (n,) int32 whose ids differ."""
    ids: tuple[np.ndarray, np.ndarray]
    """Their ids (n,) int32 in both states."""


@dataclass(frozen=True, eq=False)
class Edits:
    """The edits that can be undone and redone."""

    done: tuple[Edit, ...] = ()
    """Edits to undo, the next one last."""
    undone: tuple[Edit, ...] = ()
    """Edits to redo, the next one last."""


def write_edits(path: Path, now: Labeling, edits: Edits) -> None:
    """Write what can be undone and redone from a state, atomically."""
    done, undone, room = list[Edit](), list[Edit](), MOST
    for kept, given in ((done, edits.done), (undone, edits.undone)):
        for edit in reversed(given):
            room -= len(edit.where)
            if room < 0:
                break
            kept.insert(0, edit)
    both = [*done, *undone]
    arrays = {
        "where": _joined(edit.where for edit in both),
        "before": _joined(edit.ids[0] for edit in both),
        "after": _joined(edit.ids[1] for edit in both),
    }
    facts = {"leads_to": _digest(now), "undone": len(undone), "edits": [_facts_of(edit) for edit in both]}
    write_tensors(path, FORMAT, arrays, facts)


def read_edits(path: Path, now: Labeling) -> Edits:
    """Read what can be undone and redone from a state; nothing if the file is missing, damaged, or of another state."""

    def decode(tensors: dict[str, np.ndarray], facts: dict[str, Any]) -> Edits:
        known = Field(facts)
        if known["leads_to"].text() != _digest(now):
            return Edits()
        where, before, after = (tensors[name] for name in ("where", "before", "after"))
        if any(array.dtype != np.int32 or array.shape != where.shape or array.ndim != 1 for array in tensors.values()):
            raise ValueError("its arrays are no lists of whole numbers of one length")
        given = known["edits"].items("edit")
        steps = list[tuple[Field, slice]]()
        for one in given:
            first = steps[-1][1].stop if steps else 0
            steps.append((one, slice(first, first + one["count"].whole(0, len(where) - first))))
        redo = known["undone"].whole(0, len(steps))
        parts = [(one, where[part], before[part], after[part]) for one, part in steps]
        back, ahead = parts[: len(parts) - redo], parts[len(parts) - redo :]
        done, undone = _walked(path, now, back, 0), _walked(path, now, ahead, 1)
        return Edits(tuple(done[-UNDONE:]), tuple(undone[-UNDONE:]))

    try:
        return read_tensors(path, FORMAT, "delete it", decode) if path.exists() else Edits()
    except RunError:
        return Edits()


def _walked(path: Path, now: Labeling, parts: list[Any], side: int) -> list[Edit]:
    """Return edits with the rows of all states, walking from the present one towards a side: 0 back, 1 ahead.

    Raises ValueError if a step does not fit the state it is made in.
    """
    ids, rows, edits = now.ids.copy(), dict(now.rows), list[Edit]()
    counts = np.bincount(ids, minlength=HIGHEST_ID + 1)
    for one, where, before, after in reversed(parts):
        here, there = (after, before) if side == 0 else (before, after)
        whole = where.min(initial=0) >= 0 and where.max(initial=0) < len(ids) and len(np.unique(where)) == len(where)
        if not whole or not np.array_equal(ids[where], here) or there.min(initial=0) < 0:
            raise ValueError("an edit is of other Gaussians")
        ids[where] = there
        np.subtract.at(counts, here, 1)
        np.add.at(counts, there, 1)
        named = ("before", "after")
        old, new = (
            {row.id: row for row in segments_of_rows(path, one[name].value)} for name in (named[1 - side], named[side])
        )
        left, rows = rows, {each: row for each, row in rows.items() if each not in old} | new
        if old.keys() - left.keys() or set(np.flatnonzero(counts).tolist()) - {0} != rows.keys():
            raise ValueError("the rows of an edit are not those of its Gaussians")
        both = (rows, left) if side == 0 else (left, rows)
        edits.insert(0, Edit(one["what"].text(), both, where, (before, after)))
    return edits


def _facts_of(edit: Edit) -> dict[str, Any]:
    before, after = edit.rows
    changed = sorted(each for each in before.keys() | after.keys() if before.get(each) != after.get(each))
    sides = [segment_rows([rows[each] for each in changed if each in rows]) for rows in (before, after)]
    return {"what": edit.what, "count": len(edit.where), "before": sides[0], "after": sides[1]}


def _joined(arrays: Iterable[np.ndarray]) -> np.ndarray:
    return np.concatenate([np.zeros(0, np.int32), *itertools.chain(arrays)]).astype(np.int32)


def _digest(now: Labeling) -> str:
    """Return a digest of what a table says: ids, names, colours, parents. The other columns follow from the splat."""
    rows = [(row.id, row.name, row.color, row.parent) for _, row in sorted(now.rows.items())]
    hashed = hashlib.blake2b(json.dumps(rows).encode(), digest_size=16)
    hashed.update(np.ascontiguousarray(now.ids, "<i4").data)
    return hashed.hexdigest()
