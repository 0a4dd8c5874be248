"""Proposers of masks: their protocol, and how to open one by name.

A proposer makes the masks of one image after another. `FROM_IMAGE` is known by name; any other name is that of a model
(`mask_model`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any, Protocol

import numpy as np

from splatseg.cameras.camera import Camera
from splatseg.masks.propose.image.propose import DEFAULTS, propose_reduced
from splatseg.masks.propose.proposals import Proposals
from splatseg.masks.propose.sam.grid_of_points import PointGrid
from splatseg.masks.propose.sam.mask_model import load_mask_model
from splatseg.masks.propose.settings import Precision, ProposeSettings


class Proposer(Protocol):
    """A maker of masks from one image."""

    score_name: str
    """Key of its scores in mask files."""

    views_at_once: int
    """Most threads that may call it at once."""

    @property
    def facts(self) -> dict[str, Any]:
        """All that decides the masks, ready for JSON: "generator" (its name), "settings", versions of libraries."""
        ...

    def __call__(self, image: np.ndarray, camera: Camera) -> Proposals:
        """Return all masks of an image (H,W,3) uint8 and its camera, of all levels; they may overlap and repeat."""
        ...


FROM_IMAGE = "proposals"
"""Name of the proposer without a model: edges and colours of the image, and the surface of a splat."""

MOST_AT_ONCE = 8
"""Most views processed at once, of one a thread: numpy, scipy and the native code release the interpreter's lock, and a
1000x667 view takes about 0.4 GB."""


@dataclass(frozen=True)
class SurfaceDepth:
    """The surface that a splat shows to a camera."""

    depth: Callable[[Camera], np.ndarray]
    """Depth map (H,W) along the optical axis, 0 = none, of a camera."""

    name: str
    """Tells this splat from others; recorded with masks made from it."""


class ImageProposer:
    """Proposals from edges and colours, and from the surface of a splat if there is one."""

    score_name = "score"
    views_at_once = MOST_AT_ONCE

    def __init__(self, surface: SurfaceDepth | None = None) -> None:
        self._surface = surface
        self.facts: dict[str, Any] = {"generator": FROM_IMAGE, "settings": asdict(DEFAULTS)}
        if surface is not None:
            self.facts["surface"] = surface.name

    def __call__(self, image: np.ndarray, camera: Camera) -> Proposals:
        """See `Proposer`."""
        if self._surface is None:
            return propose_reduced(image)
        # A large photograph is reduced; its depth need not be finer.
        share = min(1.0, DEFAULTS.longest / float(np.hypot(camera.width, camera.height)))
        return propose_reduced(image, depth=self._surface.depth(camera.scaled(share)))


def open_proposer(
    name: str,
    settings: ProposeSettings,
    device: str = "auto",
    precision: Precision = "auto",
    warn: Callable[[str], None] | None = None,
    surface: SurfaceDepth | None = None,
) -> Proposer:
    """Return the proposer of this name, or one with the model of this name or path.

    warn: called with a message when memory runs out and batches become smaller. surface: what a splat shows, for the
    proposer without a model.

    Raises WeightsError if there is no such model.
    """
    if name == FROM_IMAGE:
        return ImageProposer(surface)
    return PointGrid(load_mask_model(name, device, precision), settings, warn)
