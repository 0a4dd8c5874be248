"""Caches the channels that are blended into the pictures of one workspace, from picture to picture.

Blending takes one matrix (N,C) of values; a column is written only when its content has changed. Colours depend on the
viewing direction: a draft may reuse the colours of a nearby camera.

Alphabet: N Gaussians; R rows of their levels of detail, the first n Gaussians; C channels; a part is a tensor (N,c) or
(N,) of some channels that nobody writes to, so that the same tensor means the same content.
"""

from __future__ import annotations

import operator
import threading
import weakref
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from splatseg.cameras.camera import Camera
from splatseg.levels.levels import Cut, Levels
from splatseg.raster.interface import Plan
from splatseg.render.overlays import LUMA
from splatseg.render.rgb import view_colors
from splatseg.viewer.workspace.draft_size import Made, Pace, Waits

if TYPE_CHECKING:
    from splatseg.viewer.shown_scene import ShownScene
    from splatseg.viewer.workspace.detail import Built

NEARBY = 0.05
"""Largest distance of a nearby camera, as a share of the distance to the scene's middle."""


@dataclass(frozen=True, eq=False)
class _RowColors:
    levels: Levels
    camera: Camera
    colors: Tensor
    """(R,3) for this camera; not computed yet in levels of blocks that are not known."""
    known: np.ndarray
    """(B,J) bool."""


@dataclass(frozen=True, eq=False)
class MadeOf:
    """Objects and settings that an image is made of: the same ones make the same image."""

    sources: tuple[Any, ...]
    """Objects that nobody writes to."""
    settings: tuple[object, ...]
    """Values that are compared."""


class Canvas:
    """The channels of one workspace. Hold `lock` while drawing."""

    def __init__(self, scene: ShownScene) -> None:
        self.lock: threading.Lock = threading.Lock()
        self.pace: Pace = Pace()
        self.waits: Waits = Waits()
        self._scene = scene
        self._values = torch.empty(0, 0)
        self._written: list[Tensor] = []
        self._kept: dict[str, tuple[tuple[object, ...], Tensor]] = {}
        self._colors: tuple[np.ndarray, Tensor] | None = None
        self._rows: _RowColors | None = None
        self._image: tuple[list[weakref.ref[Any]], tuple[object, ...], np.ndarray] | None = None
        self._middle: np.ndarray | None = None

    def values(self, parts: Sequence[Tensor]) -> Tensor:
        """Join the parts to one contiguous matrix (N,C), valid until the next call."""
        if len(parts) == 1 and parts[0].ndim == 2:
            return parts[0]
        columns = [part[:, None] if part.ndim == 1 else part for part in parts]
        shape = (len(parts[0]), sum(part.shape[1] for part in columns))
        if self._values.shape != shape or len(self._written) != len(parts):
            # No part is the old matrix itself, so every column of the new one counts as not written.
            self._values, self._written = torch.empty(shape), [self._values] * len(parts)
        start = 0
        for number, (part, column) in enumerate(zip(parts, columns, strict=True)):
            stop = start + column.shape[1]
            if self._written[number] is not part:
                self._values[:, start:stop] = column
            start = stop
        self._written = list(parts)
        return self._values

    def kept(self, name: str, sources: Sequence[object], make: Callable[[], Tensor]) -> Tensor:
        """Return the part `name` made from `sources`; it is made again only if a source is another object."""
        known = self._kept.get(name)
        if known is None or not all(map(operator.is_, known[0], sources)):
            known = self._kept[name] = (tuple(sources), make())
        return known[1]

    def image(self, made_of: MadeOf) -> np.ndarray | None:
        """Return a copy of the image (H,W,3) uint8 that was kept last, if it was made of the same; else None."""
        kept = self._image
        if kept is None or kept[1] != made_of.settings or len(kept[0]) != len(made_of.sources):
            return None
        same = all(source() is now for source, now in zip(kept[0], made_of.sources, strict=True))
        return kept[2].copy() if same else None

    def made_for(self, plan: Plan | None, mode: str) -> Made:
        """Return what has to be made for a full picture in a mode. plan: the view, if it is prepared."""
        kept = self._image
        if plan is None:
            return "prepared"
        return "marked" if kept is not None and kept[0][0]() is plan and kept[1][0] == mode else "blended"

    def keep_image(self, image: np.ndarray, made_of: MadeOf) -> None:
        """Keep a copy of an image (H,W,3) uint8. What it is made of is not kept alive: a view's plan is large."""
        self._image = ([weakref.ref(source) for source in made_of.sources], made_of.settings, image.copy())

    def colors(self, camera: Camera, draft: bool) -> Tensor:
        """Return the splat's colours (N,3) for a camera; for a draft, those of a nearby camera will do."""
        splats, place, kept = self._scene.splats, camera.position, self._colors
        if kept is not None and (
            splats.sh_degree == 0 or np.array_equal(kept[0], place) or (draft and self._nearby(kept[0], place))
        ):
            return kept[1]
        self._colors = (place, view_colors(splats.means, splats.sh0, splats.shN, camera, splats.sh_degree))
        return self._colors[1]

    def grey(self, camera: Camera, draft: bool) -> Tensor:
        """Return the luma (N,) of the colours for a camera."""
        colors = self.colors(camera, draft)
        return self.kept("grey", [colors], lambda: colors @ torch.tensor(LUMA))

    def row_colors(self, built: Built, cut: Cut, camera: Camera) -> Tensor:
        """Return colours (R,3) of the rows of levels, right in those of a cut, for a camera near to this one."""
        splats, levels, rows = self._scene.splats, built.levels, self._rows
        if splats.sh_degree == 0:
            return self.kept("rows of colors", [levels], lambda: levels.carried(self.colors(camera, True)))
        if rows is None or rows.levels is not levels or not self._nearby(rows.camera.position, camera.position):
            colors = torch.from_numpy(np.empty((len(levels.geometry[0]), 3), np.float32))
            rows = self._rows = _RowColors(levels, camera, colors, np.zeros(levels.begins.shape, bool))
        blocks = np.flatnonzero(cut.choice >= 0)
        blocks = blocks[~rows.known[blocks, cut.choice[blocks]]]
        rows.known[blocks, cut.choice[blocks]] = True
        n = len(levels.order)
        for begin, end in levels.ranges_of(blocks, cut.choice[blocks]).tolist():
            if begin < n:
                of = torch.from_numpy(levels.order[begin:end])
                harmonics = splats.sh0[of], splats.shN[of]
            else:
                harmonics = built.sh0[begin - n : end - n], built.shN[begin - n : end - n]
            means = levels.geometry[0][begin:end]
            rows.colors[begin:end] = view_colors(means, *harmonics, rows.camera, splats.sh_degree)
        return rows.colors

    def _nearby(self, one: np.ndarray, other: np.ndarray) -> bool:
        if self._middle is None:
            self._middle = self._scene.splats.means.median(0).values.double().numpy()
        return bool(np.linalg.norm(one - other) <= NEARBY * np.linalg.norm(other - self._middle))
