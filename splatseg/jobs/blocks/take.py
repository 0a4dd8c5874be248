"""A splat that is given and too large for memory: compared with the photographs, and taken into a run, in blocks.

In one piece a splat of another world may be brought back by a map that is found (`checks.world`); in blocks it is
refused, with what to do.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from pathlib import Path

from splatseg.capture.capture import Capture
from splatseg.checks.recognised import FEWEST, Photographs
from splatseg.checks.trouble import Trouble, settle
from splatseg.checks.world import DOUBTFUL
from splatseg.errors import SplatFileError
from splatseg.formats.parts.blocks import FileBlocks
from splatseg.formats.parts.opening import open_blocks
from splatseg.formats.parts.sorting import are_ordered
from splatseg.formats.parts.writing import write_blocks
from splatseg.formats.ply.writing import Layout
from splatseg.formats.read import describe_dropped
from splatseg.jobs.blocks.choose import rows_a_block
from splatseg.jobs.blocks.pieces import colored
from splatseg.parts import part_folder
from splatseg.run.folder import Run
from splatseg.run.reporter import Reporter
from splatseg.splats.blocks import What, each_block
from splatseg.splats.mapped.geometry import open_geometry, write_geometry
from splatseg.splats.splats import Splats


def check_in_blocks(
    splats: Path, place: Path, blocks: int, capture: Capture, reporter: Reporter, force: bool
) -> list[str]:
    """Check that a splat is of a capture, in blocks, as `checks.together` does; return the sentences that were told.

    place: the run folder; the splat's geometry is written beside it meanwhile.

    Raises SplatFileError for a splat that cannot be read, or of another world.
    """
    found = open_blocks(splats, rows_a_block(splats, blocks))
    troubles = [Trouble(describe_dropped(splats, found.dropped))] if found.dropped else []
    troubles += [] if are_ordered(found) else [Trouble(_unordered(splats, blocks))]
    with part_folder(place.absolute()) as folder:
        troubles += _compared(found, splats, folder / "geometry.safetensors", capture)
    told: list[str] = []

    def warn(text: str) -> None:
        told.append(text)
        reporter.warn(text)

    settle(troubles, warn, force)
    return told


def take_in_blocks(run: Run) -> None:
    """Write the splat that a run's settings name as its splats.ply, in its capture's world; one block is in memory.

    Raises SplatFileError if it cannot be read.
    """
    path = Path(str(run.settings.splats))
    blocks = open_blocks(path, rows_a_block(path, run.settings.blocks))

    def pieces() -> Iterator[Splats]:
        for piece in _in_world(blocks, run.capture, "all"):
            # Features and ids in the file come from other masks; those of this run replace them.
            yield piece.replace(features=None, segment_ids=None) if run.settings.masks else piece

    write_blocks(run.splats_path, pieces(), len(blocks), Layout(own=False))


def _unordered(splats: Path, blocks: int) -> str:
    sorted_copy = f"{splats.stem}_sorted"
    command = shlex.join(["splatseg", "export", str(splats), "--sort", "--parts", str(blocks), "-o", sorted_copy])
    return (
        f"the Gaussians of {splats.name} lie in the file in no spatial order, so every view looks at all blocks, which "
        f"takes longer; `{command}` writes a copy in order, and --splats {shlex.quote(sorted_copy)} takes it"
    )


def _compared(blocks: FileBlocks, path: Path, geometry: Path, capture: Capture) -> list[Trouble]:
    photographs = Photographs(list(capture.views))
    count = len(photographs)
    if count < FEWEST:
        return []
    write_geometry(geometry, _in_world(blocks, capture, "geometry"), len(blocks))
    found = photographs.recognised(colored(open_geometry(geometry, capture.coordinates), blocks))
    if found >= count - 1:
        return []
    figure = f"{found} of {count} views recognise {path.name} as it is"
    if found > DOUBTFUL * count:
        return [Trouble(f"{figure}; check that it is the splat of this capture")]
    text = (
        f"{figure}, so it is the splat of another capture or in another world, and in blocks it is not brought back; "
        f"give the splat that was made from {capture.path}, in the coordinates of its cameras, or use --blocks 1"
    )
    return [Trouble(text, SplatFileError)]


def _in_world(blocks: FileBlocks, capture: Capture, what: What) -> Iterator[Splats]:
    return (piece.in_world(capture.coordinates) for piece in each_block(blocks, what))
