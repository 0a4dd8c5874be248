"""One door to all formats a splat is written in: the suffix of a file, or a name, decides.

What a format has no room for is left out and told: harmonics (colours that change with the view), features, properties
of other programs. Segment ids go into the file where it can carry them (.ply, .glb, .usd*), else beside it, in the
order of the file (`formats.sidecar`), where `load_splats` finds them again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from torch import Tensor

from splatseg.errors import OutputError, PromptError
from splatseg.formats.boxes import write_boxes
from splatseg.formats.compressed_ply import write_compressed_ply
from splatseg.formats.gaussforge import write_spz
from splatseg.formats.gltf import write_glb
from splatseg.formats.ply.ply import write_ply
from splatseg.formats.sidecar import sidecar_path, write_sidecar
from splatseg.formats.sog import write_sog
from splatseg.formats.splat import write_splat
from splatseg.formats.usd import write_usd
from splatseg.segments.segment import Segment, described_as
from splatseg.segments.segments_json import segment_rows
from splatseg.splats.splats import Splats

Write = Callable[[Path, Splats, Sequence[Segment]], Tensor | None]
"""Writes a file and returns the order of its Gaussians (N,), None for that of the splat."""


@dataclass(frozen=True)
class Format:
    """What a format can carry. ids: whether segment ids are in the file itself; splat: whether it holds Gaussians."""

    name: str
    write: Write
    harmonics: bool = True
    features: bool = False
    ids: bool = False
    splat: bool = True

    def left_out(self, splats: Splats) -> tuple[str, ...]:
        """What a splat has and this format does not hold, in words."""
        if not self.splat:
            return ()
        lost = []
        if splats.sh_degree and not self.harmonics:
            lost.append(f"colours that change with the view (harmonics of degree {splats.sh_degree})")
        if splats.features is not None and not self.features:
            lost.append(f"{splats.features.shape[1]} features")
        if splats.extras and not self.features:
            lost.append(f"other properties ({', '.join(splats.extras)})")
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
        Format("ply", _ply, features=True, ids=True),
        Format("compressed.ply", lambda path, splats, _: write_compressed_ply(path, splats)),
        Format("splat", _splat, harmonics=False),
        Format("spz", _spz),
        Format("sog", lambda path, splats, _: write_sog(path, splats)),
        Format("glb", write_glb, ids=True),
        Format("usdc", partial(write_usd, kind="usdc"), ids=True),
        Format("usda", partial(write_usd, kind="usda"), ids=True),
        Format("usdz", partial(write_usd, kind="usdz"), ids=True),
        Format("json", write_boxes, splat=False, ids=True),
    )
}
"""By name, which is also the suffix of its files."""


@dataclass(frozen=True)
class Written:
    """What was written: the file, how many Gaussians, what its format does not hold, and the ids beside it."""

    path: Path
    format: Format
    count: int
    left_out: tuple[str, ...]
    sidecar: Path | None

    @property
    def summary(self) -> str:
        """One line that says it."""
        size = self.path.stat().st_size
        amount = f"{size / 1e6:.1f} MB" if size >= 1e5 else f"{size / 1e3:.1f} kB"
        what = f"{self.count:,} Gaussians" if self.format.splat else f"boxes of {self.count:,} Gaussians"
        beside = f"; segment ids are in {self.sidecar.name}" if self.sidecar else ""
        return f"wrote {what} to {self.path} ({amount}){beside}{self.losses}"

    @property
    def losses(self) -> str:
        """The end of such a line: what was left out; empty if nothing was."""
        return f"; .{self.format.name} does not hold {', '.join(self.left_out)}" if self.left_out else ""


def format_of(path: Path, name: str | None = None) -> Format:
    """The format of a name, else of the longest suffix of a file that is one. Raises OutputError with a list of all."""
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

    segments: names, colours and parents of the segments, where they have any (see `segments.segments_json`). plain:
    only geometry and colour, without features, segment ids and properties of other programs.

    Raises OutputError for a format that does not exist, an extra that is missing or a place that cannot be written to;
    PromptError if there are no Gaussians.

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
    sidecar = None
    try:
        order = item.write(path, splats, table)
        if item.ids or splats.segment_ids is None:
            sidecar_path(path).unlink(missing_ok=True)  # of a file that was here before
        else:
            ids = splats.segment_ids if order is None else splats.segment_ids[order]
            sidecar = write_sidecar(path, ids, segment_rows(table))
    except OSError as error:
        raise OutputError(f"{path} cannot be written ({error.strerror or error}); name another place") from None
    return Written(path, item, len(splats), item.left_out(splats), sidecar)
