"""Rows of one file of a splat, in its own numbering: of a .ply mapped range by range, of another format read whole.

    PlyRows      binary .ply of any size: a range of rows is mapped and converted, the rest is not touched; of text all
                 is parsed
    WholeRows    any other format of `formats.read.READERS`, which its reader takes into memory at once

Both are pickled as their path and what is known of the file; rows are opened again where they are unpickled. Rows are
as the file has them: not yet bounded, finite or not. Alphabet: n rows of a range.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from splatseg.cameras.coordinates import Coordinates
from splatseg.errors import SplatFileError
from splatseg.formats.ply.columns import columns_of
from splatseg.formats.ply.header import read_header
from splatseg.formats.ply.meaning import look_plain
from splatseg.formats.ply.table import Forms, PlyTable, ids_of, open_table
from splatseg.formats.read import read_whole
from splatseg.formats.sidecar import read_sidecar
from splatseg.splats.blocks import What
from splatseg.splats.stored import StoredSplats


class Rows(Protocol):
    """Rows of one file."""

    path: Path

    @property
    def count(self) -> int:
        """Number of rows, finite or not."""
        ...

    def stored(self, begin: int, end: int, what: What = "all") -> StoredSplats:
        """Return rows as they stand in the file. Raises SplatFileError if they cannot be read any more."""
        ...

    def sound(self, begin: int, end: int) -> bool:
        """Tell whether all that rows hold is seen to be finite at a glance; False says nothing."""
        ...

    def plain_opacities(self, begin: int, end: int) -> bool:
        """Tell whether logits of rows all look as if they were opacities themselves."""
        ...


@dataclass(frozen=True)
class Stamp:
    """Size and time of a file, by which a file that was replaced is known."""

    path: Path
    """The file."""
    size: int
    """Its bytes."""
    time: int
    """Time of its last change, nanoseconds."""

    @classmethod
    def of(cls, path: Path) -> Stamp:
        """Return the stamp of a file. Raises SplatFileError if it is not there."""
        try:
            facts = path.stat()
        except OSError as error:
            raise SplatFileError(f"{path} cannot be read ({error.strerror}); check the path") from None
        return cls(path, facts.st_size, facts.st_mtime_ns)

    def check(self) -> None:
        """Raise SplatFileError if the file is another by now."""
        if Stamp.of(self.path) != self:
            raise SplatFileError(f"{self.path} was changed while it was read; begin again with the file as it is now")


@dataclass(eq=False)
class PlyRows:
    """Rows of a .ply whose Gaussians are not packed."""

    path: Path
    """The file."""
    forms: Forms = dataclasses.field(default_factory=Forms)
    """Facts of the whole splat (`formats.ply.forms`)."""

    @cached_property
    def table(self) -> PlyTable:
        """The file's table. Raises SplatFileError if it is no complete splat."""
        table = open_table(self.path, read_header(self.path))
        if table is None:
            raise SplatFileError(f"{self.path} was changed while it was read; begin again with the file as it is now")
        return table

    @cached_property
    def beside(self) -> tuple[np.ndarray, Coordinates] | None:
        """Segment ids and coordinates in the sidecar of a file without ids; None if there is none."""
        return None if "segment_id" in self.table.names else read_sidecar(self.path, self.count)

    @property
    def count(self) -> int:
        """Number of rows."""
        return self.table.body.count

    def stored(self, begin: int, end: int, what: What = "all") -> StoredSplats:
        """Return rows as they stand in the file. Raises SplatFileError if they cannot be read or hold no ids."""
        self.table.body.check_memory(end - begin)
        stored = self.table.stored(self.table.body.rows(begin, end), self.forms, what)
        if self.beside is None:
            return stored
        ids, coordinates = self.beside
        ids = ids[begin:end]
        return dataclasses.replace(stored, segment_ids=ids if what == "all" else None, coordinates=coordinates)

    def sound(self, begin: int, end: int) -> bool:
        """Tell whether all columns of rows are finite as floats, if all have four bytes; and ids are ids."""
        kinds = [self.table.body.dtype[i] for i in range(len(self.table.names))]
        if any(kind.itemsize != 4 or kind.byteorder == ">" for kind in kinds):
            return False
        body = self.table.body.rows(begin, end)
        # Whole numbers are looked at as floats: few of them look infinite, and then the rows are looked at one by one.
        floats = body.view(np.ndarray).view(np.float32)
        if "segment_id" in self.table.names:
            ids_of(self.path, body)
        return bool(np.isfinite(floats).all())

    def plain_opacities(self, begin: int, end: int) -> bool:
        """Tell whether logits of rows all look as if they were opacities themselves."""
        if self.table.linear_opacities:
            return False
        return look_plain(columns_of(self.table.body.rows(begin, end), ("opacity",)))

    def __getstate__(self) -> dict[str, Any]:
        """Return what is pickled: no rows."""
        return {"path": self.path, "forms": self.forms}


def forget() -> None:
    """Let go of the file that `WholeRows` keeps in memory."""
    _whole.cache_clear()


@lru_cache(maxsize=1)
def _whole(stamp: Stamp) -> StoredSplats:
    """Return all rows of a file, of which the last one stays in memory."""
    return read_whole(stamp.path)


@dataclass(eq=False)
class WholeRows:
    """Rows of a file that can only be read whole; those of one file at a time are in memory."""

    path: Path
    """The file."""

    @property
    def whole(self) -> StoredSplats:
        """All rows, in memory. Raises SplatFileError if they do not fit or the file is damaged."""
        return _whole(Stamp.of(self.path))

    @cached_property
    def count(self) -> int:
        """Number of rows."""
        return len(self.whole)

    def stored(self, begin: int, end: int, what: What = "all") -> StoredSplats:
        """Return a copy of rows as they stand in the file."""
        rows = self.whole.subset(np.arange(begin, end))
        if what == "all":
            return rows
        rows = dataclasses.replace(rows, features=None, segment_ids=None, extras={})
        if what == "colors":
            return rows
        return dataclasses.replace(rows, sh0=np.zeros((len(rows), 3), np.float32), shN=rows.shN[:, :0])

    def sound(self, begin: int, end: int) -> bool:
        """Return False: rows are in memory, and looking at them costs little."""
        del begin, end
        return False

    def plain_opacities(self, begin: int, end: int) -> bool:
        """Return False: their reader has told it."""
        del begin, end
        return False
