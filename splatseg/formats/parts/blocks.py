"""A splat on disk in blocks: the rows that stay of one file or of many, read range by range.

Row r of the splat is row r - f of those that stay of its file, f the rows of the files before. Rows, colours and
numbers are those of `formats.read.load_splats`, to the bit. Implements `splats.blocks.SplatBlocks`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from splatseg.cameras.coordinates import Coordinates
from splatseg.errors import SplatFileError
from splatseg.formats.gaussforge import sog_pictures
from splatseg.formats.parts.rows import PlyRows, Rows, Stamp, forget
from splatseg.formats.parts.survey import Survey, survey
from splatseg.formats.ply.body import MAPPED_NUMBER, NUMBER
from splatseg.formats.read import bounded
from splatseg.splats.blocks import What
from splatseg.splats.stored import StoredSplats, joined_stored
from splatseg.untrusted.memory import Guard
from splatseg.untrusted.paths import names_file

if TYPE_CHECKING:
    from splatseg.splats.splats import Splats


@dataclass(frozen=True, eq=False)
class FileBlocks:
    """A splat in one or more files; what is pickled has the size of the boxes, and a bit a row of files that lose some.

    Example:
        >>> from splatseg.formats.parts.opening import open_blocks
        >>> blocks = open_blocks(run.path / "splats.ply", rows_a_block=10_000)
        >>> len(blocks) == len(scene.splats), len(blocks.rows(5, 9))
        (True, 4)
    """

    path: Path
    """The file, or the folder of the files."""
    files: tuple[Rows, ...]
    """Rows of each file."""
    stamps: tuple[Stamp, ...]
    """Sizes and times of the files as they were surveyed."""
    known: Survey
    """Facts of all files."""
    form: StoredSplats
    """The splat without Gaussians: degree, features, types of extras, coordinates."""

    @property
    def borders(self) -> np.ndarray:
        """First row of each block, and N: (B+1,) int64."""
        return self.known.borders

    @property
    def boxes(self) -> np.ndarray:
        """Lowest and highest mean of each block, (B,2,3) float64, in the world of the splat."""
        return self.known.boxes

    @property
    def reaches(self) -> np.ndarray:
        """Largest linear scale of each block, (B,) float32, world units, or the next number above."""
        return self.known.reaches

    @property
    def dropped(self) -> int:
        """Number of Gaussians that are not finite and were left out."""
        return self.known.dropped

    @property
    def bytes(self) -> int:
        """Bytes of all files; of a SOG that is not packed, those of its pictures too."""
        pictures = [rows.path.parent / name for rows in self.files for name in _pictures(rows.path)]
        beside = sum(picture.stat().st_size for picture in pictures if names_file(picture))
        return beside + sum(stamp.size for stamp in self.stamps)

    @property
    def sh_degree(self) -> int:
        """Degree of the spherical harmonics."""
        return self.form.sh_degree

    @property
    def antialiased(self) -> bool:
        """True if the splat was fitted for anti-aliased rendering."""
        return self.form.antialiased

    @property
    def coordinates(self) -> Coordinates:
        """The user's own coordinates of the world that the Gaussians are in."""
        return self.form.coordinates

    def __len__(self) -> int:
        return int(self.known.borders[-1])

    def read(self, block: int, what: What = "all") -> Splats:
        """Return a copy of the Gaussians of a block. Raises SplatFileError if a file changed or cannot be read."""
        return self.rows(int(self.borders[block]), int(self.borders[block + 1]), what)

    def rows(self, begin: int, end: int, what: What = "all") -> Splats:
        """Return a copy of the Gaussians from row `begin` to row `end`, exclusive. Raises as `read`."""
        from splatseg.splats.splats import splats_of  # noqa: PLC0415 (it imports torch, which `stored` does without)

        return splats_of(self.stored(begin, end, what))

    def whole(self) -> StoredSplats:
        """Return all Gaussians as arrays. Raises SplatFileError if they do not fit into memory."""
        numbers = 14 + 3 * self.form.shN.shape[1] + len(self.form.extras)
        numbers += 0 if self.form.features is None else self.form.features.shape[1]
        guard = Guard(SplatFileError, self.path, self.bytes)
        held = all(isinstance(rows, PlyRows) and rows.table.body.is_mapped for rows in self.files)
        takes = len(self) * numbers * (MAPPED_NUMBER if held else NUMBER)
        guard.check(f"{len(self):,} Gaussians of {numbers} numbers", takes, held)
        stored = self.stored(0, len(self))
        forget()
        return stored

    def stored(self, begin: int, end: int, what: What = "all") -> StoredSplats:
        """Return the same as arrays."""
        begin, end, _ = slice(begin, end).indices(len(self))
        parts, before = list[StoredSplats](), 0
        for rows, stays, stamp in zip(self.files, self.known.kept, self.stamps, strict=True):
            low, high = max(begin - before, 0), min(end - before, len(stays))
            before += len(stays)
            if low >= high:
                continue
            stamp.check()
            first, last, mask = stays.span(low, high)
            stored, _, _ = bounded(rows.stored(first, last, what))
            parts.append(stored if mask is None else stored.subset(mask))
        if parts:
            return joined_stored(parts)
        stored, _, _ = bounded(self.files[0].stored(0, 0, what))
        return stored


def blocks_of(path: Path, files: Sequence[Rows], rows_a_block: int | None = None) -> FileBlocks:
    """Return the blocks of a splat in files that are its parts, in their order.

    Raises SplatFileError if they do not agree, or as `survey`.
    """
    stamps = tuple(Stamp.of(rows.path) for rows in files)
    forms = [rows.stored(0, 0) for rows in files]
    for rows, form in zip(files[1:], forms[1:], strict=True):
        differ = _difference(forms[0], form)
        if differ:
            raise SplatFileError(
                f"{rows.path} {differ[1]}, and {files[0].path} {differ[0]}, so they are no parts of one splat; take it "
                "out of the folder or export all parts in one run"
            )
    return FileBlocks(Path(path), tuple(files), stamps, survey(path, files, rows_a_block), forms[0])


def _difference(one: StoredSplats, other: StoredSplats) -> tuple[str, str] | None:
    """Return in words the first field in which the forms of two parts differ; None if they agree."""
    said = zip(_told(one), _told(other), strict=True)
    return next(((first, second) for first, second in said if first != second), None)


def _told(form: StoredSplats) -> tuple[str, ...]:
    """Return in words what all parts of a splat have in common."""
    return (
        f"has harmonics of degree {form.sh_degree}",
        f"has {0 if form.features is None else form.features.shape[1]} features",
        "has no segment ids" if form.segment_ids is None else "has segment ids",
        f"has the other properties {_listed(form)}",
        f"was fitted {'for' if form.antialiased else 'without'} anti-aliased rendering",
        f"has coordinates {form.coordinates}",
    )


def _listed(form: StoredSplats) -> str:
    return ", ".join(f"{name} ({values.dtype.name})" for name, values in form.extras.items()) or "none"


def _pictures(path: Path) -> tuple[str, ...]:
    """Return the names of the pictures of a SOG that is not packed; none of another file."""
    return (sog_pictures(path) or ()) if path.suffix.lower() == ".json" else ()
