"""Writing of splats in any format, chosen by the suffix of a file or by name.

Data that a format cannot hold are left out and reported: harmonics (colours that change with the view), features,
properties of other programs. Segment ids are written into the file if the format has them (.ply, .glb, .usd*), else
into a sidecar, in the order of the file (`formats.sidecar`), where `load_splats` finds them again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from splatseg.errors import OutputError, PromptError, unwritten
from splatseg.files import errors_name
from splatseg.formats.boxes import write_boxes
from splatseg.formats.compressed_ply import write_compressed_ply
from splatseg.formats.gaussforge import write_spz
from splatseg.formats.gltf import write_glb
from splatseg.formats.ply.ply import write_ply
from splatseg.formats.sidecar import sidecar_path, write_sidecar
from splatseg.formats.sog import write_sog
from splatseg.formats.splat import write_splat
from splatseg.formats.usd import write_usd
from splatseg.parts import part_folder
from splatseg.plain_text import size_of_file
from splatseg.segments.segment import Segment, described_as
from splatseg.segments.segments_json import segment_rows
from splatseg.splats.splats import Splats

Write = Callable[[Path, Splats, Sequence[Segment]], np.ndarray | None]
"""Function that writes a file and returns the order (N,) of its Gaussians, None for the order of the splat."""


@dataclass(frozen=True)
class Format:
    """A format and the data that it can hold."""

    name: str
    """Name, which is also the suffix of its files."""

    write: Write
    """Writer of its files."""

    harmonics: bool = True
    """True if it holds harmonics beyond the constant."""

    features: bool = False
    """True if it holds features and properties of other programs."""

    ids: bool = False
    """True if it holds segment ids; otherwise they are written into a sidecar."""

    splat: bool = True
    """True if it holds Gaussians."""

    own: bool = False
    """True if it holds the user's own coordinates even where float32 does not."""

    mark: bool = False
    """True if it says of a splat that it was fitted for anti-aliased rendering."""

    def left_out(self, splats: Splats) -> tuple[str, ...]:
        """Return in words the data of a splat that this format does not hold."""
        if not self.splat:
            return ()
        lost = []
        if splats.sh_degree and not self.harmonics:
            lost.append(f"colours that change with the view (harmonics of degree {splats.sh_degree})")
        if splats.features is not None and not self.features:
            lost.append(f"{splats.features.shape[1]} features")
        if splats.extras and not self.features:
            lost.append(f"other properties ({', '.join(splats.extras)})")
        if not (splats.coordinates.is_own or self.own):
            lost.append(f"coordinates of this range (its positions are {splats.coordinates})")
        if splats.antialiased and not self.mark:
            lost.append("the mark of anti-aliased rendering")
        return tuple(lost)


def _ply(path: Path, splats: Splats, segments: Sequence[Segment]) -> None:
    del segments
    write_ply(path, splats)


def _splat(path: Path, splats: Splats, segments: Sequence[Segment]) -> None:
    del segments
    write_splat(path, splats)


def _spz(path: Path, splats: Splats, segments: Sequence[Segment]) -> None:
    del segments
    write_spz(path, splats)


FORMATS = {
    item.name: item
    for item in (
        Format("ply", _ply, features=True, ids=True, own=True, mark=True),
        Format("compressed.ply", lambda path, splats, _: write_compressed_ply(path, splats), mark=True),
        Format("splat", _splat, harmonics=False),
        Format("spz", _spz),
        Format("sog", lambda path, splats, _: write_sog(path, splats), mark=True),
        Format("glb", write_glb, ids=True, own=True),
        Format("usdc", partial(write_usd, kind="usdc"), ids=True, own=True),
        Format("usda", partial(write_usd, kind="usda"), ids=True, own=True),
        Format("usdz", partial(write_usd, kind="usdz"), ids=True, own=True),
        Format("json", write_boxes, splat=False, ids=True, own=True),
    )
}
"""Formats by name."""


@dataclass(frozen=True)
class Written:
    """Result of `write_splats`."""

    path: Path
    """File that was written."""

    format: Format
    """Format of the file."""

    count: int
    """Number of Gaussians."""

    left_out: tuple[str, ...]
    """Data of the splat that the format does not hold, in words."""

    sidecar: Path | None
    """Sidecar with the segment ids, or None."""

    @property
    def summary(self) -> str:
        """One line that describes the result."""
        size = self.path.stat().st_size
        amount = size_of_file(size)
        what = f"{self.count:,} Gaussians" if self.format.splat else f"boxes of {self.count:,} Gaussians"
        beside = f"; segment ids are in {self.sidecar.name}" if self.sidecar else ""
        return f"wrote {what} to {self.path} ({amount}){beside}{self.losses}"

    @property
    def losses(self) -> str:
        """The end of that line: the data that were left out; empty if there are none."""
        return f"; .{self.format.name} does not hold {', '.join(self.left_out)}" if self.left_out else ""


def format_of(path: Path, name: str | None = None) -> Format:
    """Return the format of a name, else that of the file's longest suffix which names one.

    Raises OutputError, with a list of all formats, if there is none.
    """
    if name is not None:
        found = FORMATS.get(name.lower().removeprefix("."))
        asked = f"there is no format {name!r}"
    else:
        known = [item for item in FORMATS.values() if path.name.lower().endswith(f".{item.name}")]
        found = max(known, key=lambda item: len(item.name), default=None)
        asked = f"{path} has no suffix that names a format"
    if found is None:
        raise OutputError(f"{asked}; there are {', '.join(FORMATS)}")
    return found


def write_splats(
    path: Path, splats: Splats, segments: Sequence[Segment] = (), name: str | None = None, plain: bool = False
) -> Written:
    """Write a splat in the format of the file's suffix, or in that of `name`, atomically.

    segments: names, colours and parents of the segments, if they have any (see `segments.segments_json`). plain: write
    only geometry and colour, without features, segment ids and properties of other programs.

    Raises OutputError for an unknown format, a missing extra or a path that is not writable; PromptError if there are
    no Gaussians.

    Example:
        >>> splatseg.write_splats(folder / "room.splat", scene.splats, scene.segments.rows()).count == len(scene.splats)
        True
    """
    path = Path(path)
    item = format_of(path, name)
    if len(splats) == 0:
        raise PromptError(f"there are no Gaussians to write, so {path} was not written")
    if path.is_dir():
        raise OutputError(f"{path} is a folder; name a file")
    if plain and item.splat:
        splats = splats.plain()
    table = described_as(splats, segments) if splats.segment_ids is not None else ()
    device = path.exists() and not path.is_file()
    beside = not item.ids and splats.segment_ids is not None and not device
    try:
        if beside:
            _write_with_sidecar(item, path, splats, table)
        else:
            item.write(path, splats, table)
            with suppress(OSError):
                sidecar_path(path).unlink()  # a sidecar of the file that this one replaces
    except OSError as error:
        raise OutputError(unwritten(path, error)) from None
    return Written(path, item, len(splats), item.left_out(splats), sidecar_path(path) if beside else None)


def _write_with_sidecar(item: Format, path: Path, splats: Splats, table: Sequence[Segment]) -> None:
    """Write a splat and the sidecar with its ids: both, or neither. Raises OSError."""
    assert splats.segment_ids is not None
    with errors_name(path), part_folder(path) as part:
        new = part / path.name
        with errors_name(path, new):
            try:
                order = item.write(new, splats, table)
            except OutputError as error:
                raise OutputError(str(error).replace(str(new), str(path))) from None
            ids = splats.segment_ids if order is None else splats.segment_ids[order]
            sidecar = write_sidecar(new, ids, segment_rows(table), splats.coordinates)
            new.replace(path)
            sidecar.replace(sidecar_path(path))
