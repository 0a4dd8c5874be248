"""A task: the job on one scene, in a form that goes to another process; and the files that a batch keeps of it.

OUT/NAME            what the task makes: a run, or a folder of masks
OUT/status.html     the page of the batch
OUT/batch/          state.jsonl (see `records`), and of each scene
    NAME.log        what was said, with the traceback of an error that should not be
    NAME.webp       a picture of what was made
    NAME.now        JSON: the stage that a worker is in; gone when it has ended
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from splatseg.errors import RunError
from splatseg.plain_text import first_few, short_name
from splatseg.run.reporter import Reporter, Summary

FOLDER = "batch"
"""Folder in OUT of all that is the batch's own."""

PAGE = "status.html"
"""Page in OUT that shows the batch."""

LONGEST = 200
"""Most bytes of a scene's name: file systems take 255, with what its files in OUT have before and behind it."""


@dataclass(frozen=True)
class Task:
    """The job on one scene. It is sent to workers: `work` is picklable and holds paths and settings, no arrays."""

    name: str
    """Name of the scene, and of its files in OUT."""
    work: Callable[[Reporter], Summary]
    """Does the job, goes on where it was stopped, and returns its summary; another time it gives the same bytes."""
    options: tuple[str, ...]
    """All that decides the result, in words: an earlier batch with other ones made something else."""
    command: str
    """The command line that does the same for this scene alone."""
    output: Path | None = None
    """The run or the folder of masks that is made or changed; None if nothing of it is shown."""
    makes: Path | None = None
    """The file or folder without which the task is not done; None if it makes nothing that stays by itself."""
    made_of: tuple[Path, ...] = ()
    """Files of the scene after whose change the task is to be done again."""


@dataclass(frozen=True)
class Files:
    """The files of a batch in OUT."""

    out: Path
    """The folder OUT."""

    @property
    def folder(self) -> Path:
        """Folder of all that is the batch's own."""
        return self.out / FOLDER

    @property
    def page(self) -> Path:
        """The page of the batch."""
        return self.out / PAGE

    def log(self, name: str) -> Path:
        """Return the log of a scene."""
        return self.folder / f"{name}.log"

    def picture(self, name: str) -> Path:
        """Return the picture of a scene."""
        return self.folder / f"{name}.webp"

    def now(self, name: str) -> Path:
        """Return the file that tells the stage that a scene is in."""
        return self.folder / f"{name}.now"

    def stop(self, part: str) -> Path:
        """Return the file that asks all workers of a batch to stop. part: name of the batch's state (`shards`)."""
        return self.folder / f"{part}.stop"


def check_names(names: Sequence[str]) -> None:
    """Raise RunError for two scenes of one name, and for a name that is none of a file in OUT or of the batch's own."""
    twice = [name for name, count in Counter(name.casefold() for name in names).items() if count > 1]
    if twice:
        raise RunError(f"several scenes are called {first_few(twice)}; give each a name of its own")
    for name in names:
        if not name.strip() or name.startswith(".") or set(name) & set("/\\\0\n") or name.casefold() in (FOLDER, PAGE):
            raise RunError(f"a scene cannot be called '{name}', because its files in OUT are; give it another name")
        size = len(os.fsencode(name))
        if size > LONGEST:
            raise RunError(
                f"the name {short_name(name)} has {size} bytes, and files in OUT are called by it; give the scene one "
                f"of at most {LONGEST}"
            )
