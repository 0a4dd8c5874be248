"""The table of segments and its edits: names, colours, and the segment of every Gaussian.

    table.rename(3, "mug")     table.merge([3, 9])     table.split(3)     table.create(members, "lid")     table.undo()

All who look at the scene share it. Its state is a `Labeling`, a value: an edit exchanges it, and whoever drew with the
one before still can. An id never means two things: a new segment gets a number that no segment ever had, also not one
whose making was undone.

Alphabet: N Gaussians; ids (N,) int32, 0 = none; members (N,) bool; a row is a `Segment` of segments.json.
"""

from __future__ import annotations

import dataclasses
import difflib
import itertools
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

import numpy as np

from splatseg.arrays import check_shapes
from splatseg.cluster.hierarchy import Hierarchy
from splatseg.errors import PromptError
from splatseg.render.label_maps import HIGHEST_ID
from splatseg.scene.split_parts import pieces_of
from splatseg.scene.summary import table_html
from splatseg.scene.table_state import UNDONE, Edit, Edits, Labeling
from splatseg.segments.colors import Frame, choose_colors, colors_by_place
from splatseg.segments.palette import Color
from splatseg.segments.segment import Segment, describe_segment, describe_segments, largest_first
from splatseg.splats.splats import Splats

PLACES = 10_000
"""Gaussians looked at for the place and size of a scene without cameras."""


class SegmentTable:
    """The segments of a scene: names, colours, counts, boxes, confidence; one row a segment. Use `Scene.segments`.

    Iterating gives the rows, the largest segment first; `table[3]` and `table["red mug"]` give one. Edits are saved to
    the run by themselves.

    Example:
        >>> table = scene.segments
        >>> table.rename(1, "red mug")
        >>> table["red mug"].id
        1
        >>> table.undo()
        'rename'
    """

    def __init__(
        self, labeling: Labeling, splats: Splats, frame: Frame, hierarchy: Hierarchy | None, highest: int
    ) -> None:
        """Begin with a state; highest: the highest id that was ever given."""
        self.lock: threading.RLock = threading.RLock()
        self.refusal: str = ""
        self._now = labeling
        self._means = splats.positions
        self._splats, self._frame, self._hierarchy = splats, frame, hierarchy
        self._highest = max(highest, max(labeling.rows, default=0))
        self._done: list[Edit] = []
        self._undone: list[Edit] = []
        self._listeners: list[Callable[[], None]] = []

    def __len__(self) -> int:
        """Number of segments."""
        return len(self._now.rows)

    def __iter__(self) -> Iterator[Segment]:
        """The rows, the largest segment first."""
        return iter(self.rows())

    def __contains__(self, key: object) -> bool:
        """Tell whether there is a segment of this id or name."""
        return key in self._now.rows or any(row.name == key for row in self._now.rows.values())

    def __getitem__(self, key: int | str) -> Segment:
        """Return the row of a segment by its id or name.

        Raises PromptError if there is none, or a name that several have.
        """
        if isinstance(key, int | np.integer):
            return self.row(int(key))
        named = [row for row in self.rows() if row.name == key]
        if len(named) != 1:
            ids = ", ".join(str(row.id) for row in named)
            said = f"{len(named)} segments are called {key!r} (ids {ids}); give the id" if named else self._unknown(key)
            raise PromptError(said)
        return named[0]

    def _unknown(self, name: str) -> str:
        near = difflib.get_close_matches(name, [row.name for row in self.rows()], n=3)
        hint = (
            f"did you mean {', '.join(near)}" if near else f"the {len(self)} segments are listed by iterating over it"
        )
        return f"no segment is called {name!r}; {hint}"

    def __repr__(self) -> str:
        """One line."""
        names = ", ".join(row.name for row in itertools.islice(self, 4))
        return f"<SegmentTable of {len(self)}: {names}{', ...' if len(self) > 4 else ''}>"

    def _repr_html_(self) -> str:
        """The table as HTML, for notebooks."""
        return table_html(self.rows())

    @property
    def now(self) -> Labeling:
        """The present state: ids and rows of one moment."""
        return self._now

    @property
    def ids(self) -> np.ndarray:
        """The segment of every Gaussian (N,) int32, 0 = none. An edit makes a new array; this one stays as it is."""
        return self._now.ids

    @property
    def highest(self) -> int:
        """The highest id that was ever given."""
        return self._highest

    def rows(self) -> tuple[Segment, ...]:
        """The table, the largest segment first."""
        return largest_first(self._now.rows.values())

    def row(self, segment_id: int) -> Segment:
        """Return one row. Raises PromptError if there is no such segment."""
        row = self._now.rows.get(segment_id)
        if row is None:
            raise PromptError(f"there is no segment {segment_id} any more; choose one of the list")
        return row

    def rename(self, segment_id: int, name: str) -> None:
        """Rename a segment. Raises PromptError for an empty name, and for a segment that is not there."""
        name = " ".join(name.split())
        if not name:
            raise PromptError(f"segment {segment_id} needs a name with at least one letter; type one")
        with self.lock:
            row = self.row(segment_id)
            self._write("rename", {segment_id: dataclasses.replace(row, name=name)})

    def recolor(self, segment_id: int, color: Color) -> None:
        """Give a segment a colour, 8-bit sRGB. Raises PromptError for values out of range or an unknown segment."""
        if len(color) != 3 or not all(0 <= channel <= 255 for channel in color):
            raise PromptError(f"a colour is red, green and blue in 0..255, got {tuple(color)}")
        red, green, blue = (int(channel) for channel in color)
        with self.lock:
            row = self.row(segment_id)
            self._write("recolor", {segment_id: dataclasses.replace(row, color=(red, green, blue))})

    def merge(self, segment_ids: Iterable[int]) -> int:
        """Merge segments and return the id of the result: that of the largest, whose name and colour stay.

        Raises PromptError for fewer than two segments, and for one that is not there.
        """
        with self.lock:
            rows = largest_first([self.row(segment_id) for segment_id in dict.fromkeys(segment_ids)])
            if len(rows) < 2:
                raise PromptError("merging needs two segments or more; mark another one")
            where = np.flatnonzero(np.isin(self.ids, [row.id for row in rows[1:]]))
            self._assign("merge", where, rows[0].id)
        return rows[0].id

    def split(self, segment_id: int) -> list[int]:
        """Split a segment and return the ids of its parts, the largest first, which keeps id, name and colour.

        Parts are those of the hierarchy if it has some, else pieces that are apart in space. Raises PromptError if
        there are neither.
        """
        with self.lock:
            row = self.row(segment_id)
            members = np.flatnonzero(self.ids == segment_id)
            pieces = pieces_of(members, self._splats, self._hierarchy)
            if len(pieces) < 2:
                raise PromptError(
                    f"'{row.name}' has no parts that are known and is in one piece; "
                    "select a part of it and make that a segment"
                )
            new = self._new_ids(len(pieces) - 1)
            where = np.concatenate(pieces[1:])
            ids = np.repeat(np.array(new, dtype=np.int32), [len(piece) for piece in pieces[1:]])
            names = {each: f"{row.name} part {number}" for number, each in enumerate(new, start=2)}
            self._assign("split", where, ids, names)
        return [segment_id, *new]

    def delete(self, segment_id: int) -> None:
        """Delete a segment; its Gaussians stay, without one. Raises PromptError if it is not there."""
        with self.lock:
            self.row(segment_id)
            self._assign("delete", np.flatnonzero(self.ids == segment_id), 0)

    def create(self, members: np.ndarray, name: str = "") -> int:
        """Make a segment of members (N,) bool, which leave the segments they were in, and return its id.

        Raises PromptError if there are no members.
        """
        check_shapes(members=(members, f"{len(self.ids)}"))
        where = np.flatnonzero(members)
        if len(where) == 0:
            raise PromptError("nothing is selected, so there is nothing to make a segment of; select something first")
        with self.lock:
            (segment_id,) = self._new_ids(1)
            self._assign("create", where, segment_id, {segment_id: " ".join(name.split())})
        return segment_id

    @property
    def can_undo(self) -> bool:
        """True if there is an edit to undo."""
        return bool(self._done)

    @property
    def can_redo(self) -> bool:
        """True if there is an edit to redo."""
        return bool(self._undone)

    def undo(self) -> str:
        """Undo the last edit and return its kind; "" if there was none."""
        return self._step(self._done, self._undone, 0)

    def redo(self) -> str:
        """Redo the edit that was undone last and return its kind; "" if there is none."""
        return self._step(self._undone, self._done, 1)

    @property
    def edits(self) -> Edits:
        """The edits that can be undone and redone."""
        return Edits(tuple(self._done), tuple(self._undone))

    @edits.setter
    def edits(self, edits: Edits) -> None:
        self._done, self._undone = list(edits.done), list(edits.undone)

    def listen(self, callback: Callable[[], None]) -> Callable[[], None]:
        """Call `callback` after every change, in the thread that made it. Returns a function that ends this."""
        with self.lock:
            self._listeners.append(callback)

        def unsubscribe() -> None:
            with self.lock:
                if callback in self._listeners:
                    self._listeners.remove(callback)

        return unsubscribe

    def notify(self) -> None:
        """Call all listeners: the table has changed, or how much of it is saved."""
        for listener in list(self._listeners):
            listener()

    def _new_ids(self, count: int) -> list[int]:
        first = self._highest + 1
        if first + count - 1 > HIGHEST_ID:
            raise PromptError(
                f"the run has given away all ids up to {HIGHEST_ID}, the most that label maps hold; "
                "segment it anew with `splatseg segment`"
            )
        self._highest += count
        return list(range(first, first + count))

    def _assign(
        self, what: str, where: np.ndarray, ids: int | np.ndarray, names: Mapping[int, str] | None = None
    ) -> None:
        """Give the Gaussians `where` (n,) new ids and write the rows of all segments that lose or get some."""
        before = self._now
        after = before.ids.copy()
        after[where] = ids
        touched = {int(each) for each in np.unique(np.concatenate([before.ids[where], after[where]]))} - {0}
        rows: dict[int, Segment | None] = {}
        for segment_id in sorted(touched):
            means = self._splats.coordinates.outwards(self._means[after == segment_id])
            old = before.rows.get(segment_id)
            if len(means) == 0:
                rows[segment_id] = None
            elif old is not None:
                rows[segment_id] = describe_segment(means, segment_id, old.name, old.color, old.parent)
            else:
                rows[segment_id] = describe_segment(means, segment_id, (names or {}).get(segment_id))
        self._colored(after, rows, before.rows)
        self._write(what, rows, after, where)

    def _colored(self, ids: np.ndarray, rows: dict[int, Segment | None], before: Mapping[int, Segment]) -> None:
        """Give new rows a colour by their place, unlike the colours of segments whose boxes meet theirs."""
        new = [row for segment_id, row in rows.items() if row is not None and segment_id not in before]
        if not new:
            return
        places = colors_by_place(self._means, np.where(np.isin(ids, [row.id for row in new]), ids, 0), self._frame)
        others = [row for row in (dict(before) | dict(rows)).values() if row is not None]
        pairs = [(row.id, other.id) for row in new for other in others if other.id != row.id and _meet(row, other)]
        kept = {row.id: row.color for row in others if row.id not in places}
        colors = choose_colors(places | kept, pairs, kept)
        for row in new:
            rows[row.id] = dataclasses.replace(row, color=colors[row.id])

    def _write(
        self,
        what: str,
        rows: Mapping[int, Segment | None],
        ids: np.ndarray | None = None,
        where: np.ndarray | None = None,
    ) -> None:
        """Exchange the state for one with other rows (None: gone) and other ids (N,), at Gaussians `where` (n,)."""
        self._check()
        before = self._now
        after = {each: row for each, row in (dict(before.rows) | dict(rows)).items() if row is not None}
        ids = before.ids if ids is None else ids
        where = np.zeros(0, dtype=np.int64) if where is None else where
        edit = Edit(what, (before.rows, after), where.astype(np.int32), (before.ids[where], ids[where]))
        self._done = [*self._done, edit][-UNDONE:]
        self._undone = []
        self._exchange(Labeling(ids, after))

    def _step(self, source: list[Edit], target: list[Edit], side: int) -> str:
        with self.lock:
            if not source:
                return ""
            self._check()
            edit = source.pop()
            target.append(edit)
            ids = self._now.ids
            if len(edit.where):
                ids = ids.copy()
                ids[edit.where] = edit.ids[side]
            self._exchange(Labeling(ids, edit.rows[side]))
            return edit.what

    def _check(self) -> None:
        """Raise PromptError if the table may only be looked at."""
        if self.refusal:
            raise PromptError(self.refusal)

    def _exchange(self, labeling: Labeling) -> None:
        self._now = labeling
        self.notify()


def table_of_file(splats: Splats, known: Sequence[Segment] = ()) -> SegmentTable | None:
    """Make the table of a splat's segments, with names and colours of rows that are known; None without segments."""
    if splats.segment_ids is None:
        return None
    means = splats.positions
    frame = Frame.of(means[:: max(len(means) // PLACES, 1)])
    rows = rows_of(splats, known, frame)
    return SegmentTable(Labeling(splats.segment_ids.numpy().astype(np.int32), rows), splats, frame, None, 0)


def rows_of(splats: Splats, known: Sequence[Segment], frame: Frame) -> dict[int, Segment]:
    """Describe the segments of a splat, by id, with the names, colours and parents of the rows that are known."""
    assert splats.segment_ids is not None
    names, colors = {row.id: row.name for row in known}, {row.id: row.color for row in known}
    parents = {row.id: row.parent for row in known if row.parent is not None}
    if not colors:
        colors = colors_by_place(splats.positions, splats.segment_ids.numpy(), frame)
    rows = {row.id: row for row in describe_segments(splats, names, parents, colors)}
    for old in known:
        # The masks' support was measured for these Gaussians; a segment of another size is another one.
        if old.id in rows and old.count == rows[old.id].count:
            rows[old.id] = dataclasses.replace(rows[old.id], confidence=old.confidence)
    return rows


def _meet(one: Segment, other: Segment) -> bool:
    """Tell whether the boxes of two segments overlap."""
    return all(
        low <= other_high and other_low <= high
        for low, high, other_low, other_high in zip(*one.box, *other.box, strict=True)
    )
