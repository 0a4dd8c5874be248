"""Painters: functions that draw a splat from any camera as one picture (H,W,3) uint8, for the frames of a film.

Everything that could change from frame to frame is fixed before the first: colours of segments come from their table,
the components behind feature colours are fitted once, and the range of depths is that of the whole film.

Depth maps to colours of evenly falling lightness, yellow near and violet far, by the logarithm of the depth: 1..2 gets
as much of the scale as 10..20, so near things keep their shape before a far background.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch

from splatseg.cameras.camera import Camera
from splatseg.errors import PromptError, RunError
from splatseg.levels.reduced import Reduced
from splatseg.oklab import srgb_of
from splatseg.render.label_maps import label_map, selection_coverage
from splatseg.render.overlays import color_image, overlay_segments, overlay_selection
from splatseg.render.pictures import fit_feature_colors, to_uint8
from splatseg.render.rgb import render_channels, render_depth, render_rgb, view_depths
from splatseg.render.shown import Shown
from splatseg.render.supersampling import sample_cameras
from splatseg.segments.members import ids_of_segments
from splatseg.segments.palette import Color, segment_color
from splatseg.splats.activations import to_opacity_logits
from splatseg.splats.splats import Splats
from splatseg.spread import spread

Painter = Callable[[Camera], np.ndarray]
SplatPainter = Callable[[Splats, Camera], np.ndarray]

PROBES = 12
"""Cameras along a film whose depths determine the film's range of depths."""

NEAR_TO_FAR = (0.01, 0.98)
"""Quantiles of those depths that get the first and the last colour."""


@dataclass(frozen=True)
class Look:
    """Settings of a painter."""

    background: Sequence[float] = (0.0, 0.0, 0.0)
    """Colour behind everything, (3,) in 0..1."""
    colors: Mapping[int, Color] = field(default_factory=dict)
    """Colours by segment id; they take precedence over the palette."""
    segments: Sequence[int] = ()
    """Ids of the segments that "masks" highlights."""
    supersample: int = 1
    """Segments are decided at supersample^2 samples of each pixel."""
    clearance: float = 0.0
    """Depth in world units below which Gaussians fade, to nothing at half of it. "Floaters", which hang unseen before
    the lens of every photograph, would otherwise hide all else as the camera passes through them."""
    draft: bool = False
    """Gaussians smaller than a pixel are merged (`levels`): faster, and nearly the same."""


def painter_of(splats: Splats, what: Shown, cameras: Sequence[Camera], look: Look | None = None) -> Painter:
    """Return a function that paints the view of any camera; `cameras` are those of the film.

    rgb: colour. features: principal components as colours. segments: each in its colour. overlay: colour tinted by
    segment. masks: the chosen segments highlighted in the picture. depth: near is yellow, far violet, nothing black.

    Raises RunError if the splat has no features or segments, PromptError if a chosen segment does not exist or none is
    chosen.
    """
    look = look or Look()
    splats = splats if what == "features" else splats.replace(features=None)
    if what in ("segments", "overlay", "masks") and splats.segment_ids is None:
        raise RunError("the splat has no segments yet; make them with `splatseg segment RUN --masks DIR`")
    if what == "features":
        # As features, so that what is drawn instead of the splat has them, too.
        colored = splats.replace(features=fit_feature_colors(splats).colors.to(splats.means))
        return _cleared(colored, look, _paint_features)
    if what == "depth":
        return _cleared(splats, look, _depth_painter(splats, cameras))
    if what == "segments":
        return _cleared(splats, look, _segments_painter(splats, look))

    def paint(seen: Splats, camera: Camera) -> np.ndarray:
        return to_uint8(render_rgb(seen, camera, look.background))

    def paint_overlay(seen: Splats, camera: Camera) -> np.ndarray:
        return overlay_segments(paint(seen, camera), label_map(seen, camera), look.colors)

    if what == "masks":
        return _cleared(splats, look, _masks_painter(splats, look, paint))
    return _cleared(splats, look, paint_overlay if what == "overlay" else paint)


def depth_colors(depth: np.ndarray, near: float, far: float) -> np.ndarray:
    """Return depths (H,W) as colours (H,W,3) uint8, black for depth 0; `near` and `far` get the ends of the scale."""
    scale = np.array([_depth_color(place / 255) for place in range(256)], dtype=np.uint8)
    with np.errstate(divide="ignore"):
        place = np.log(np.maximum(depth, 1e-12) / near) / max(math.log(far / near), 1e-6)
    colors: np.ndarray = scale[np.rint(255 * np.clip(place, 0, 1)).astype(np.intp)]
    colors[~(depth > 0)] = 0
    return colors


def _depth_color(place: float) -> Color:
    return srgb_of(0.93 - 0.65 * place, 0.145 - 0.03 * abs(2 * place - 1), math.radians(105 + 205 * place))


def _cleared(splats: Splats, look: Look, paint: SplatPainter) -> Painter:
    """Return a painter that merges what is small if asked to, and fades Gaussians too near to each camera."""
    with torch.no_grad():
        reduced = Reduced(splats) if look.draft else None

    @torch.no_grad()
    def painted(camera: Camera) -> np.ndarray:
        seen = splats if reduced is None else reduced(camera)
        if look.supersample == 1:  # samples beside the centres of pixels may see more
            carried = None if seen.features is None else seen.carried_in_view(camera, seen.features)
            near = seen.in_view(camera, colored=True)
            seen = seen if near is seen else near.replace(features=carried)
        return paint(clear_before(seen, camera, look.clearance), camera)

    return painted


def clear_before(splats: Splats, camera: Camera, clearance: float) -> Splats:
    """Return the splat with Gaussians nearer to the camera than `clearance` faded, and none nearer than half of it."""
    if clearance <= 0:
        return splats
    share = (2 * view_depths(splats.means, camera) / clearance - 1).clamp(0, 1)
    if bool((share == 1).all()):
        return splats
    logits = torch.where(share == 1, splats.opacity_logits, to_opacity_logits(share * splats.opacities))
    return splats.replace(opacity_logits=logits)


def _paint_features(seen: Splats, camera: Camera) -> np.ndarray:
    assert seen.features is not None
    return to_uint8(render_channels(seen, camera, seen.features))


def _masks_painter(splats: Splats, look: Look, paint: SplatPainter) -> SplatPainter:
    if not look.segments:
        raise PromptError("a film of masks shows chosen segments; name them with --segment ID")
    wanted = torch.tensor(ids_of_segments(splats, look.segments))

    def paint_masks(seen: Splats, camera: Camera) -> np.ndarray:
        assert seen.segment_ids is not None
        members = torch.isin(seen.segment_ids, wanted)
        mask = selection_coverage(seen, camera, members, look.supersample) > 0.5
        return overlay_selection(paint(seen, camera), mask)

    return paint_masks


@torch.no_grad()
def _depth_painter(splats: Splats, cameras: Sequence[Camera]) -> SplatPainter:
    depths = []
    for camera in spread(cameras, PROBES):
        reduction = max(1, min(camera.width, camera.height) // 120)
        small = camera.resized(max(1, camera.width // reduction), max(1, camera.height // reduction))
        seen = render_depth(splats, small).numpy()
        depths.append(seen[seen > 0])
    known = np.concatenate(depths) if depths else np.zeros(0)
    near, far = np.quantile(known, NEAR_TO_FAR) if len(known) else (1.0, 2.0)

    def paint(seen: Splats, camera: Camera) -> np.ndarray:
        return depth_colors(render_depth(seen, camera).numpy(), float(near), float(far))

    return paint


def _segments_painter(splats: Splats, look: Look) -> SplatPainter:
    assert splats.segment_ids is not None
    colors = {i: look.colors.get(i) or segment_color(i) for i in [0, *splats.segment_ids.unique().tolist()]}

    def paint(seen: Splats, camera: Camera) -> np.ndarray:
        samples = [color_image(label_map(seen, sample), colors) for sample in sample_cameras(camera, look.supersample)]
        return samples[0] if len(samples) == 1 else np.rint(np.mean(samples, axis=0)).astype(np.uint8)

    return paint
