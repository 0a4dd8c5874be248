"""The work on one photograph: its label map, from the Gaussians that it sees, into a PNG.

A process opens what all photographs need once: the capture, the mapped geometry and the mapped ids.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch

from splatseg.capture.view import View, one_a_photograph
from splatseg.engine.opened import Opened
from splatseg.errors import RunError
from splatseg.render.label_maps import label_map, write_label_map
from splatseg.run.folder import Run
from splatseg.run.settings import RunSettings
from splatseg.splats.mapped.geometry import open_geometry
from splatseg.splats.splats import Splats
from splatseg.tensors import map_tensors, write_tensors

FORMAT = "splatseg segment ids 1"
"""Format of the file of segment ids, in its metadata."""

OPENED: Opened[tuple[tuple[View, ...], Splats]] = Opened()
"""Capture and files that this process has open."""


@dataclass(frozen=True)
class LabelMapOfView:
    """Writes the label map of a photograph, called with its place and name; picklable."""

    run: Path
    """The run folder."""
    settings: RunSettings
    """Its settings."""
    geometry: Path
    """File of the splat's geometry (`splats.mapped`)."""
    ids: Path
    """File of the segment ids (`write_ids`)."""
    folder: Path
    """Folder of the label maps."""
    made_of: tuple[tuple[str, str], ...]
    """Digests of the splat that they show, by name."""
    job: str = field(default_factory=lambda: secrets.token_hex(8))
    """Name by which a process knows what it has opened."""

    def __call__(self, item: tuple[int, str]) -> None:
        """Write the label map. Raises RunError if an id does not fit, or the capture has become another."""
        index, name = item
        views, splats = OPENED.of(self.job, self._open)
        if index >= len(views) or views[index].png_name != name:
            raise RunError(f"the capture of {self.run} changed while label maps were drawn; repeat the command")
        write_label_map(self.folder / name, label_map(splats, views[index].seen_by), dict(self.made_of))

    def _open(self) -> tuple[tuple[View, ...], Splats]:
        ids, _ = map_tensors(self.ids, FORMAT, "repeat the command, which writes it again")
        splats = open_geometry(self.geometry).replace(segment_ids=torch.from_numpy(ids["ids"]))
        return one_a_photograph(Run(self.run, self.settings).capture.views), splats


def write_ids(path: Path, ids: np.ndarray) -> None:
    """Write segment ids (N,) for workers, atomically."""
    write_tensors(path, FORMAT, {"ids": ids.astype(np.int32)})
