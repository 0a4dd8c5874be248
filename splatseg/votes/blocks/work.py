"""The work on one view: its votes, from the Gaussians that it sees, into a file (`view_file`).

The memory of a view is that of what it sees. What all views need, the cameras, the masks and the mapped geometry, is
opened once by each process. A view whose file is there is done: its masks are read, to know the name, and no more.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch

from splatseg.capture.view import View
from splatseg.engine.opened import Opened
from splatseg.errors import MaskError
from splatseg.masks.source import MaskSource
from splatseg.splats.mapped.geometry import MappedSplats, numbers_of, open_geometry
from splatseg.votes.blocks.view_file import ViewVotes, find_view, name_of, write_view
from splatseg.votes.votes import entries_of_view

Opener = Callable[[], tuple[Sequence[View], MaskSource]]
"""Opens the views of a scene and their masks, in any process: a function of a module, or functools.partial of one."""

_Needed = tuple[Sequence[View], MaskSource, MappedSplats]

OPENED: Opened[_Needed] = Opened()
"""Capture and files that this process has open."""


@dataclass(frozen=True)
class VoteOfView:
    """Writes the votes of a view, called with its place and name among those of the scene; picklable."""

    opener: Opener
    """Opens the views and masks of the scene."""
    geometry: Path
    """File of the splat's geometry (`splats.mapped`)."""
    digest: str
    """Digest of the geometry (`splats.made_of`)."""
    folder: Path
    """Folder of the files of all views."""
    job: str = field(default_factory=lambda: secrets.token_hex(8))
    """Name by which a process knows what it has opened: captures and masks may change from job to job."""

    @torch.no_grad()
    def __call__(self, item: tuple[int, str]) -> ViewVotes:
        """Write the votes of a view, unless they are there. Raises MaskError as the masks do when they are read."""
        index, name = item
        views, masks, splats = OPENED.of(self.job, self._open)
        if index >= len(views) or views[index].name != name:
            raise MaskError(
                f"the capture changed while its votes were collected: view {index + 1} is not '{name}' any more; "
                "repeat the command"
            )
        view = views[index]
        segments = masks.read(view)
        path = self.folder / name_of(self.digest, view, segments)
        found = find_view(path)
        if found is not None:
            return found
        if segments is None:
            none, weightless = np.zeros(0, np.int32), np.zeros(0, np.float32)
            return write_view(path, None, none, (none, none, weightless), weightless)
        rows = numbers_of(splats.rows_in_view(view.camera))
        entries, totals = entries_of_view(splats.in_view(view.camera).prepare(view.camera), segments)
        return write_view(path, segments, rows, entries, totals)

    def _open(self) -> _Needed:
        views, masks = self.opener()
        return views, masks, open_geometry(self.geometry)
