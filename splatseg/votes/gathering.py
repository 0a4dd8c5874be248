"""Gathering of votes view by view, turned into rows with bounded memory.

A view gives entries (row, column, weight), rows ascending; the matrix needs all entries of a row together. Entries are
kept as they come, in memory up to `IN_MEMORY` bytes and beyond that in an unnamed temporary file; then the rows are put
together block by block, each from its part of every view. So there is never more in memory than this and the finished
matrix, and the place of the entries changes no bit of the matrix.

Alphabet: N Gaussians, the rows; M masks, the columns; 12 bytes an entry gathered, 8 an entry of the matrix.
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING

import numpy as np
import torch

import splatseg._native as _native  # noqa: PLR0402 (from the package would import its public face)

if TYPE_CHECKING:
    from scipy import sparse

IN_MEMORY = 3 << 30
"""Bytes of entries that are kept in memory; entries of later views go to the disk."""

ROWS_A_BLOCK = 65_536
"""Rows of the matrix that are put together at once."""

Entries = tuple[np.ndarray, np.ndarray, np.ndarray]
"""rows, columns int32, weights float32, all (E,)."""


@dataclass(frozen=True)
class _Kept:
    """Entries of one view."""

    entries: Entries | None
    """The entries, if they are in memory."""
    offset: int
    """Byte of the file at which they start otherwise."""
    first: np.ndarray
    """Index of the first entry of each block of rows, and their number at the end."""


class Gathering:
    """Entries of a matrix of `rows` rows, gathered view by view."""

    def __init__(self, rows: int) -> None:
        self._counts = np.zeros(rows, dtype=np.int64)
        self._borders = np.append(np.arange(0, rows, ROWS_A_BLOCK), rows)
        self._views: list[_Kept] = []
        self._file: IO[bytes] | None = None
        self._bytes = 0
        self.columns: int = 0
        self.entries: int = 0

    def add(self, rows: np.ndarray, columns: np.ndarray, weights: np.ndarray, width: int) -> None:
        """Add a view of `width` columns, to the right of the columns of the views before.

        rows (E,) ascend, and columns (E,) 0..width - 1 within a row; weights (E,).
        """
        entries = (rows.astype(np.int32), columns.astype(np.int32) + np.int32(self.columns), weights.astype(np.float32))
        self._counts += np.bincount(rows, minlength=len(self._counts))
        first = np.searchsorted(rows, self._borders)
        size = sum(array.nbytes for array in entries)
        if self._bytes + size <= IN_MEMORY:
            self._views.append(_Kept(entries, 0, first))
            self._bytes += size
        else:
            self._views.append(_Kept(None, self._append(entries), first))
        self.columns += width
        self.entries += len(rows)

    def matrix(self) -> sparse.csr_array:
        """Return the CSR matrix (N,M) float32 of the added entries, and free the entries."""
        from scipy import sparse  # noqa: PLC0415 (who asks for IN_MEMORY alone does not load it)

        indptr = np.concatenate([[0], np.cumsum(self._counts)])
        indices, data = np.empty(self.entries, dtype=np.int32), np.empty(self.entries, dtype=np.float32)
        for block, (begin, end) in enumerate(zip(self._borders[:-1], self._borders[1:], strict=True)):
            views = [self._read(view, block) for view in self._views]
            _native.stack_views(views, int(begin), int(end), indptr, indices, data, torch.get_num_threads())
        self._views.clear()
        if self._file is not None:
            self._file.close()
        # scipy leaves 32-bit columns unconverted only if row starts are 32-bit too.
        starts = indptr.astype(np.int32) if self.entries < 2**31 else indptr
        return sparse.csr_array((data, indices, starts), shape=(len(self._counts), self.columns))

    def _append(self, entries: Entries) -> int:
        if self._file is None:
            self._file = tempfile.TemporaryFile(prefix="splatseg-votes-")  # noqa: SIM115 (closed by `matrix`)
        offset = self._file.seek(0, 2)
        for array in entries:
            self._file.write(array.tobytes())
        return offset

    def _read(self, view: _Kept, block: int) -> Entries:
        first, end, total = int(view.first[block]), int(view.first[block + 1]), int(view.first[-1])
        if view.entries is not None:
            rows, columns, weights = view.entries
            return rows[first:end], columns[first:end], weights[first:end]
        assert self._file is not None
        parts = []
        # The three arrays of a view lie one after the other in the file, 4 bytes a value.
        for place, kind in enumerate((np.int32, np.int32, np.float32)):
            self._file.seek(view.offset + 4 * (place * total + first))
            parts.append(np.frombuffer(self._file.read(4 * (end - first)), dtype=kind))
        return parts[0], parts[1], parts[2]
