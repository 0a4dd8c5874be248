"""The splat that a job reads: in memory, or mapped from its file where it was, or would be, worked on in blocks.

Whatever is made of a mapped splat has the bytes of one in memory (`formats.parts.mapped`). What needs a splat in memory
asks first whether it fits:

    needed <= 0.8 of what is there: nothing is said; <= all of it: a warning; above: an error, before anything is read

Needed is what certainly lies in memory, so nothing is refused that fits; who wants to swap sets SPLATSEG_MEMORY.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from splatseg.errors import SplatsegError
from splatseg.formats.parts.mapped import map_splats
from splatseg.formats.parts.opening import open_blocks, rows_of
from splatseg.formats.parts.rows import PlyRows
from splatseg.formats.read import describe_dropped, find_splat, holds_splat, load_splats
from splatseg.formats.write import format_of
from splatseg.jobs.blocks.choose import fits_in_one_piece
from splatseg.run.folder import Run, open_run
from splatseg.splats.splats import Splats
from splatseg.untrusted.memory import VARIABLE, in_words, machine_memory

NEAR = 0.8
"""Share of the memory above which a warning says that it may not be enough."""

NUMBERS_OF_A_PROMPT, NUMBERS_OF_EVALUATION = 75, 150
"""Numbers of every Gaussian that a prompt on a mapped splat keeps in memory, and many prompts in many views do [own
memory of `select` and `evaluate` on 5 million Gaussians: 300 and 600 bytes each]."""


def splats_of_run(run: Run, views: int = 0) -> Splats:
    """Return the splat of a run, in memory or mapped. views: those whose votes are looked at beside it.

    Raises RunError if the run has no splat yet.
    """
    if run.splats_path.exists() and (run.settings.blocks > 1 or not fits_in_one_piece(run.splats_path, views)):
        return map_splats(open_blocks(run.splats_path))
    return run.splats()


def splats_of_file(path: Path, warn: Callable[[str], None] | None = None) -> Splats:
    """Return the splat in a file or a folder, in memory or mapped.

    warn: told of Gaussians that are left out; None warns. Raises SplatFileError as `load_splats`.
    """
    path = find_splat(path)
    splats: Splats
    if is_ply(path) and not fits_in_one_piece(path):
        blocks = open_blocks(path)
        splats, dropped = map_splats(blocks), blocks.dropped
    else:
        splats, dropped = load_splats(path)
    if dropped:
        (warn or partial(warnings.warn, stacklevel=3))(describe_dropped(path, dropped))
    return splats


def check_whole(what: str, splats: Splats, instead: str) -> None:
    """Check that geometry and colours of a splat fit into memory once more, or warn that they may not.

    Parameters as for `check_memory`. Raises SplatsegError if they do not.
    """
    needed = 4 * len(splats) * (14 + 3 * splats.shN.shape[1])
    _settle(what, len(splats), needed, instead, lambda told: warnings.warn(told, stacklevel=4))


def check_written(path: Path, splats: Splats, name: str | None) -> None:
    """Check that a splat that is to be written at `path` fits into memory, in a format that is not written in blocks.

    name: of the format; None for that of the suffix. Raises SplatsegError if it does not.
    """
    if format_of(path, name).name not in ("ply", "json"):
        check_whole(f"writing {path}", splats, "write it as .ply, or segments by themselves")


def warn_of_prompts(splats: Splats, numbers: int, warn: Callable[[str], None]) -> None:
    """Warn if prompts on a mapped splat, which keep so many numbers of every Gaussian, may not find the memory."""
    needed, there = 4 * numbers * len(splats), machine_memory()
    if splats.is_mapped and needed > NEAR * there:
        what = f"prompts on {len(splats):,} Gaussians take up to {in_words(needed)} of memory"
        warn(f"{what}, and there are {in_words(there)}, which may not be enough; export a part of the splat to ask it")


def check_memory(
    what: str, sources: Sequence[Path], instead: str, warn: Callable[[str], None], twice: bool = False
) -> None:
    """Check that the splats of runs and files fit into memory together, before they are read.

    what: the work, "viewing RUN". instead: what to do if they do not fit. twice: features are in memory a second
    time, as unit vectors, and so are votes and hierarchy, as for prompts.

    Raises SplatsegError if they do not fit, and as `formats.parts.opening.rows_of`.
    """
    count, needed = 0, 0
    for source in sources:
        run = None if holds_splat(source) else open_run(source)
        path = find_splat(source) if run is None else run.splats_path
        if not path.exists() or not is_ply(path):
            continue  # told where it is opened; other formats are read whole, and checked by their readers
        files = rows_of(path)
        form, own = files[0].stored(0, 0), sum(file.count for file in files)
        features = 0 if form.features is None else form.features.shape[1]
        count += own
        needed += 4 * own * (14 + 3 * form.shN.shape[1] + len(form.extras) + (2 if twice else 1) * features)
        beside = [] if run is None or not twice else [run.votes_path, run.hierarchy_path]
        needed += sum(file.stat().st_size for file in beside if file.exists())
    _settle(what, count, needed, instead, warn)


def _settle(what: str, count: int, needed: int, instead: str, warn: Callable[[str], None]) -> None:
    there = machine_memory()
    if needed <= NEAR * there:
        return
    said = f"{what} takes some {in_words(needed)} of memory for {count:,} Gaussians, and there are {in_words(there)}"
    if needed <= there:
        warn(f"{said}, which may not be enough; {instead}")
        return
    raise SplatsegError(f"{said}; {instead}, or set {VARIABLE}={-(-needed // (1 << 30))}G to swap")


def is_ply(path: Path) -> bool:
    """Tell whether a splat is a .ply, or parts of one, whose Gaussians are counted without reading them."""
    return all(isinstance(file, PlyRows) for file in rows_of(path))
