"""Results of a job on a run, written aside and moved into place together, the settings last.

A job that fails, or is killed, before all its results are there leaves the run as it was: config.yaml agrees with the
files. Moving is a few renames. If a machine stops between two of them, files of two segmentations lie side by side, and
the digests they carry tell (`splats.made_of`).
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

from splatseg.files import errors_name
from splatseg.parts import part_folder
from splatseg.run.folder import SETTINGS, Run
from splatseg.run.settings_file import write_settings

LAST = ("splats.ply", "segments.json", SETTINGS)
"""Files that are moved after all others, in this order: segments.json marks segmenting as finished."""


@contextmanager
def staged(run: Run, remade: Collection[str]) -> Iterator[Run]:
    """Yield a run with the settings of `run` whose files take the place of those of `run` when the block ends.

    remade: names of files that the block makes anew; one that it does not write is removed from the run.
    """
    # A part: locked, and removed by the next writer if this process is killed (`parts`).
    with part_folder(run.path / "results") as aside, errors_name(run.path, aside):
        yield Run(aside, run.settings)
        write_settings(aside / SETTINGS, run.settings)
        gone = [name for name in remade if not (aside / name).exists()]
        for path in sorted((path for path in aside.rglob("*") if path.is_file()), key=lambda path: _order(aside, path)):
            place = run.path / path.relative_to(aside)
            if place.name == LAST[0]:
                # Before the splat is exchanged: what is left of another segmentation must not be taken for its own.
                for name in gone:
                    (run.path / name).unlink(missing_ok=True)
            place.parent.mkdir(parents=True, exist_ok=True)
            path.replace(place)


def _order(aside: Path, path: Path) -> tuple[int, str]:
    name = path.relative_to(aside).as_posix()
    return (1 + LAST.index(name) if name in LAST else 0), name
