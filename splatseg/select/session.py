"""A splat made ready for prompts: what does not depend on the prompt is computed once, so that a click is cheap.

    session = Session(splats)
    selection = select_by_click(session, camera, (x, y))
    mask = session.mask(camera, selection.members)

A selection is the same whether it is made in a session or on the splat itself: the latter opens one for itself. Heavy
are the unit features of all Gaussians (kept: 4 F bytes each) and the first prompt in a view, which is prepared for it;
the view of the last prompt stays prepared. The split is that of Segment Anything's set_image and predict.

Alphabet: N Gaussians, F features, H x W pixels.
"""

from __future__ import annotations

import dataclasses
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from splatseg.capture.camera import Camera
from splatseg.cluster.tidy import drop_small_pieces
from splatseg.raster.interface import Plan, prepare, rasterize_levels
from splatseg.select.selection import Selection, features_of
from splatseg.select.threshold import SHOWN
from splatseg.splats.splats import Splats


class Session:
    """Prompts on one splat, in any of its views, one after another."""

    def __init__(self, splats: Splats) -> None:
        self.splats = splats
        self._plan: Plan | None = None

    @cached_property
    def features(self) -> np.ndarray:
        """Features (N,F) float32 with unit rows, zero rows kept. Raises PromptError if the splat has none."""
        return features_of(self.splats)

    @cached_property
    def _scales(self) -> Tensor:
        return self.splats.scales.detach()

    @cached_property
    def _opacities(self) -> Tensor:
        return self.splats.opacities.detach()

    @cached_property
    def _reach(self) -> np.ndarray:
        reach: np.ndarray = self._scales.amax(1).numpy()
        return reach

    def plan(self, camera: Camera) -> Plan:
        """The splat prepared for a camera; that of the last camera is kept."""
        if self._plan is None or not _same(self._plan.camera, camera):
            with torch.no_grad():
                self._plan = prepare(self.splats.means, self.splats.quats, self._scales, self._opacities, camera)
        return self._plan

    def tidy(self, selection: Selection, min_share: float = 0.05) -> Selection:
        """`Selection.tidy` of this splat."""
        means = self.splats.means.detach().numpy()
        return dataclasses.replace(
            selection, members=drop_small_pieces(selection.members, means, self._reach, min_share)
        )

    def mask(self, camera: Camera, members: np.ndarray) -> np.ndarray:
        """(H,W) bool: the pixels of a view that are made of members (N,) bool by more than half."""
        levels = torch.from_numpy(members.astype(np.uint8))
        shown: np.ndarray = rasterize_levels(self.plan(camera), levels, 1, SHOWN).numpy() > 0
        return shown


def session_of(splats: Splats | Session) -> Session:
    """The session itself, or one for this splat alone."""
    return splats if isinstance(splats, Session) else Session(splats)


def _same(one: Camera, other: Camera) -> bool:
    return one is other or (
        (one.width, one.height) == (other.width, other.height)
        and np.array_equal(one.viewmat, other.viewmat)
        and np.array_equal(one.K, other.K)
    )
