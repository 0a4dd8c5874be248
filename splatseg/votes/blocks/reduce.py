"""From the files of all views to the file of votes, block by block: the same bytes as in one piece.

A block is a range of rows. Each view gives its rows of the block, which lie together in its file; they are stacked in
the order of the views, as `gathering` does, and `seen` is added up in that order in float64. Every part of the file of
votes has its place before the first block, so blocks are written as they come; never more than one is in memory.

Alphabet: N Gaussians; M masks, V views; E votes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

import splatseg._native as _native  # noqa: PLR0402 (from the package would import its public face)
from splatseg.tensors import Sink, map_tensors, stream_tensors
from splatseg.votes.blocks.view_file import FACTS, FORMAT, ViewVotes
from splatseg.votes.file import FORMAT as VOTES
from splatseg.votes.file import facts_of, tensors_of
from splatseg.votes.gathering import Entries
from splatseg.votes.votes import check_any, votes_of

ENTRIES_AT_ONCE = 1 << 23
"""Votes of a block, on average: 20 bytes each while they are stacked."""

MOST_ROWS = 1 << 20
"""Most rows of a block: 32 bytes each."""


@dataclass
class _Cursor:
    """A place in the file of a view, that goes on from block to block."""

    tensors: dict[str, np.ndarray]
    first_column: int
    true: int
    """Number of the view among those with true masks; -1 for others."""
    row: int = 0
    entry: int = 0

    def take(self, begin: int, end: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, Entries]:
        """Return rows less `begin`, totals and counts (n,) of the view up to row `end`, and the votes (E,) of these."""
        rows = self.tensors["rows"]
        stop = self.row + int(np.searchsorted(rows[self.row :], end))
        here = slice(self.row, stop)
        own, counts = rows[here] - np.int32(begin), self.tensors["counts"][here].astype(np.int64)
        votes = slice(self.entry, self.entry + int(counts.sum()))
        self.row, self.entry = stop, votes.stop
        columns = self.tensors["columns"][votes].astype(np.int32) + np.int32(self.first_column)
        return (
            own,
            self.tensors["totals"][here],
            counts,
            (np.repeat(own, counts), columns, self.tensors["weights"][votes]),
        )


def reduce_views(
    folder: Path,
    views: Sequence[tuple[str, ViewVotes]],
    gaussians: int,
    path: Path,
    made_of: Mapping[str, str] | None = None,
    on_rows: Callable[[int], None] | None = None,
) -> None:
    """Write the file of votes from the files of all views in a folder, given with their names in the order of views.

    gaussians: N. made_of: as for `votes.file.write_votes`. on_rows: told the number of rows that are done.

    Raises MaskError as `collect_votes` does, RunError for a file of a view that is damaged.
    """
    masked = [(name, found) for name, found in views if found.masked]
    columns, entries = (sum(getattr(found, name) for _, found in masked) for name in ("masks", "entries"))
    check_any(len(views), len(masked), columns, entries)
    cursors = _cursors(folder, [found for _, found in masked])
    facts = []
    for place, cursor in enumerate(cursors):
        of_view = [cursor.tensors[name] for name in FACTS]
        facts.append((of_view[0] + np.int32(place), *of_view[1:]))
    true = [found for _, found in masked if found.true]
    votes = votes_of(facts, tuple(name for name, _ in masked), len(true))
    small = tensors_of(votes)
    small["shape"] = np.array([gaussians, columns], np.int64)
    large = {"data": entries, "indices": entries, "indptr": gaussians + 1, "seen": gaussians}
    if true:
        seen_by = sum(found.totals for found in true)
        large |= {"visible_data": seen_by, "visible_indices": seen_by, "visible_indptr": gaussians + 1}
    shapes: dict[str, tuple[Any, tuple[int, ...]]] = {
        name: (array.dtype, (large[name],) if name in large else array.shape) for name, array in small.items()
    }
    rows = max(1, min(MOST_ROWS, ENTRIES_AT_ONCE * gaussians // max(entries, 1)))
    with stream_tensors(path, VOTES, shapes, facts_of(votes, made_of), spaced=True) as sinks:
        for name, array in small.items():
            if name not in large:
                sinks[name].write(array)
        out = _Rows(sinks)
        for begin in range(0, gaussians, rows):
            out.write(cursors, begin, min(begin + rows, gaussians))
            if on_rows is not None:
                on_rows(min(begin + rows, gaussians))


class _Rows:
    """Writer of the rows of the file of votes."""

    def __init__(self, sinks: dict[str, Sink]) -> None:
        self._sinks = sinks
        self._ends: dict[str, int] = {name: 0 for name in ("indptr", "visible_indptr") if name in sinks}
        for name in self._ends:
            sinks[name].write(np.zeros(1))

    def write(self, cursors: Sequence[_Cursor], begin: int, end: int) -> None:
        """Stack and write rows [begin, end)."""
        count = end - begin
        counts, seen = np.zeros(count, np.int64), np.zeros(count)
        entries, visible = [], []
        for cursor in cursors:
            rows, totals, of_rows, found = cursor.take(begin, end)
            counts[rows] += of_rows
            seen[rows] += totals
            entries.append(found)
            if cursor.true >= 0:
                above = totals > 0
                visible.append((rows[above], np.full(int(above.sum()), cursor.true, np.int32), totals[above]))
        self._stack("", entries, counts)
        if "visible_indptr" in self._ends:
            of_row = np.zeros(count, np.int64)
            for rows, _, _ in visible:
                of_row[rows] += 1
            self._stack("visible_", visible, of_row)
        self._sinks["seen"].write(seen.astype(np.float32))

    def _stack(self, prefix: str, entries: list[Entries], counts: np.ndarray) -> None:
        starts = np.concatenate([np.zeros(1, np.int64), np.cumsum(counts)])
        indices, data = np.empty(starts[-1], np.int32), np.empty(starts[-1], np.float32)
        _native.stack_views(entries, 0, len(counts), starts, indices, data, torch.get_num_threads())
        self._sinks[prefix + "indices"].write(indices)
        self._sinks[prefix + "data"].write(data)
        self._sinks[prefix + "indptr"].write(starts[1:] + self._ends[prefix + "indptr"])
        self._ends[prefix + "indptr"] += int(starts[-1])


def _cursors(folder: Path, found: Sequence[ViewVotes]) -> list[_Cursor]:
    cursors = []
    column, true = 0, 0
    for view in found:
        tensors, _ = map_tensors(folder / view.name, FORMAT, "repeat the command, which makes it again")
        cursors.append(_Cursor(tensors, column, true if view.true else -1))
        column += view.masks
        true += view.true
    return cursors
