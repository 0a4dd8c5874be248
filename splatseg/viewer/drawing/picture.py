"""Draws the picture of a workspace from a camera, in any mode, the selection marked, hidden Gaussians left out.

    image = picture(workspace, camera)                   (H,W,3) uint8, at the camera's size
    image = picture(workspace, camera, draft=True)       the same view, reduced to the size that can be drawn in time

A draft has the size of `draft_camera(workspace, camera)`; pass the full-size camera to both. In a draft of a large
splat Gaussians that are small on screen are merged (`drawing.seen`). All channels of a mode are blended in one pass,
the selection as one more channel; the view is prepared once for the picture and the clicks into it. Two threads may
draw at the same time, each for a workspace of its own.

Alphabet: N Gaussians; H x W pixels; pictures are float32 in 0..1 until the end.
"""

from __future__ import annotations

import contextlib
import math
import threading
import time
from collections.abc import Callable, Sequence

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from splatseg.cameras.camera import Camera
from splatseg.render.rgb import COVERED, view_depths
from splatseg.select.session import Session
from splatseg.viewer.drawing.caption import add_caption
from splatseg.viewer.drawing.color_maps import DEPTH, HEAT, ramp, through
from splatseg.viewer.drawing.highlight import TINT, highlight
from splatseg.viewer.drawing.scale_bar import Scale, add_scale
from splatseg.viewer.drawing.seen import Coarse, Seen, Whole, seen_by
from splatseg.viewer.drawing.segment_tints import segment_tints
from splatseg.viewer.workspace.channel_cache import MadeOf
from splatseg.viewer.workspace.draft_size import Made
from splatseg.viewer.workspace.history import Bits, Step
from splatseg.viewer.workspace.workspace import Workspace

Finish = Callable[[Tensor, Tensor, slice], Tensor]
"""finish(blended (h,W,C), alphas (h,W), rows) gives these rows of the picture, (h,W,3); it may write to `blended`."""

STRIP = 32_768
"""Values of a picture that are finished at once: they stay in the cache, and torch does not split so few among
threads, which wait for each other on a busy machine [1280x720, ms of processor time: colour 9, in strips 3]."""

PATIENCE = 0.01
"""Seconds after which a thread that prepares a view is looked at again."""

NO_VIEW = "Input masks are shown at a view of the capture: press PageDown."
"""Caption of a picture of the mode `masks` from anywhere else."""

NO_SEGMENT = 0.16
"""Grey of Gaussians without a segment in the mode `segments`."""

SHADED = 0.45
"""Share of the scene's own light and shade in the mode `segments`."""

ALIKE = (0.2, 1.0)
"""Similarities of the coldest and the hottest colour."""

DEPTH_RANGE = (0.02, 0.98)
"""Quantiles of the depths in front of the camera that get the nearest and the farthest colour."""
DEPTH_SAMPLE = 20_000
"""Number of Gaussians from which these quantiles are estimated."""


def _never() -> bool:
    return False


class OvertakenError(Exception):
    """Raised out of `picture` if it was stopped."""


def picture(
    workspace: Workspace,
    camera: Camera,
    draft: bool = False,
    marked: bool = True,
    stopped: Callable[[], bool] = _never,
) -> np.ndarray:
    """Draw a picture (H,W,3) uint8.

    draft: reduced, with colours of a nearby camera, for a camera that moves. marked: with tint and outline of the
    selection. stopped: asked between the stages of a full picture; raises OvertakenError once it returns True. A view
    that is prepared by then stays so.
    """
    began, canvas, step = time.perf_counter(), workspace.canvas, workspace.step
    with canvas.lock, torch.no_grad():
        if draft:
            image = _draft(workspace, step, camera, marked)
        else:
            made = _made_for(workspace, step, camera)
            image = _drawn(workspace, step, camera, Whole(workspace, step, camera, draft), marked, stopped)
            if workspace.mode in _SCALES and (scale := _SCALES[workspace.mode](workspace, camera)):
                add_scale(image, scale)
            if workspace.mode == "masks" and workspace.scene.view_at(camera) is None:
                add_caption(image, NO_VIEW)
            canvas.waits.took(time.perf_counter() - began, made)
    workspace.scene.drawn = time.monotonic()
    return image


def _draft(workspace: Workspace, step: Step, camera: Camera, marked: bool) -> np.ndarray:
    began, pace, small = time.perf_counter(), workspace.canvas.pace, draft_camera(workspace, camera)
    seen = seen_by(workspace, step, small, draft=True)
    standing = _standing(workspace, step, camera, seen, marked)
    if standing is not None:
        return standing
    image = _drawn(workspace, step, small, seen, marked, _never)
    pace.took(time.perf_counter() - began, isinstance(seen, Coarse))
    if pace.slow:
        workspace.scene.detail.begin()
    return image


def _standing(workspace: Workspace, step: Step, camera: Camera, seen: Seen, marked: bool) -> np.ndarray | None:
    """Return the full picture that is kept, the selection marked as a draft shows it; None if there is none.

    After a click what is sharp stays so, and only the outline is coarse until the full picture follows.
    """
    if not isinstance(seen, Coarse) or _made_for(workspace, step, camera) != "marked":
        return None
    whole = Whole(workspace, step, camera, draft=False)
    parts, _ = _PAINTED[workspace.mode](workspace, step, camera, whole)
    image = workspace.canvas.image(_made_of(workspace, whole, parts))
    if image is not None and marked and step.members.count > 0:
        blended, _ = seen.blend([seen.selected()])
        cover = Image.fromarray(blended[..., 0].numpy())
        size = (camera.width, camera.height)
        highlight(image, np.asarray(cover.resize(size, Image.Resampling.BILINEAR)), _tint(workspace))
    return image


def comes_late(workspace: Workspace, camera: Camera) -> bool:
    """Return True if a full picture would be late, and a draft of merged Gaussians is ready to come before it."""
    canvas, step = workspace.canvas, workspace.step
    with canvas.lock:
        if not canvas.waits.late(_made_for(workspace, step, camera)):
            return False
        workspace.scene.detail.begin()
        return isinstance(seen_by(workspace, step, draft_camera(workspace, camera), draft=True), Coarse)


def _made_for(workspace: Workspace, step: Step, camera: Camera) -> Made:
    session = workspace.session_of(step)
    plan = session.plan(camera) if session.has_plan(camera) else None
    return workspace.canvas.made_for(plan, workspace.mode)


def draft_camera(workspace: Workspace, camera: Camera) -> Camera:
    """Return the camera at the present size of drafts."""
    return camera.scaled(workspace.canvas.pace.scale)


def _drawn(
    workspace: Workspace, step: Step, camera: Camera, seen: Seen, marked: bool, stopped: Callable[[], bool]
) -> np.ndarray:
    if isinstance(seen, Whole) and workspace.mode != "masks":
        _prepare(workspace, workspace.session_of(step), camera, stopped)  # first: a click needs it, too
    parts, finish = _PAINTED[workspace.mode](workspace, step, camera, seen)
    canvas, members = workspace.canvas, step.members
    marked, tint = marked and members.count > 0, _tint(workspace)
    made_of = _made_of(workspace, seen, parts) if isinstance(seen, Whole) and parts else None
    if isinstance(seen, Whole) and made_of is not None and (image := canvas.image(made_of)) is not None:
        # Only the selection is new; which pixels it makes up most of takes less than blending it.
        if marked:
            highlight(image, seen.covered(members.array), tint)
        return image
    _go_on_unless(stopped)
    if marked:
        parts = [*parts, seen.selected()]
    if parts:
        blended, alphas = seen.blend(parts)
    else:
        alphas = torch.zeros(camera.height, camera.width)
        blended = alphas[..., None]
    # The last channel is the selection: it marks the finished picture.
    image = _finished(blended[..., :-1] if marked else blended, alphas, finish)
    if made_of is not None:
        canvas.keep_image(image, made_of)
    if marked:
        highlight(image, blended[..., -1].numpy(), tint)
    return image


def _made_of(workspace: Workspace, seen: Whole, parts: Sequence[Tensor]) -> MadeOf:
    return MadeOf((seen.plan, *parts), (workspace.mode, *workspace.scene.background))


def _tint(workspace: Workspace) -> float:
    return _TINTS.get(workspace.mode, TINT)


def _prepare(workspace: Workspace, session: Session, camera: Camera, stopped: Callable[[], bool]) -> None:
    """Prepare a view. If that is late it is done in a thread of its own, which goes on when the picture is stopped."""
    if stopped is not _never and workspace.canvas.waits.late("prepared"):
        while session.preparing:  # for a picture that was stopped; no two of them
            time.sleep(PATIENCE)
            _go_on_unless(stopped)
        _go_on_unless(stopped)
        # Not a daemon: the interpreter must not end while native code runs in this thread.
        thread = threading.Thread(target=_attempt, args=(session, camera), name="splatseg-prepare")
        thread.start()
        while thread.is_alive():
            thread.join(PATIENCE)
            _go_on_unless(stopped)
    session.plan(camera)
    _go_on_unless(stopped)


def _attempt(session: Session, camera: Camera) -> None:
    with contextlib.suppress(Exception):  # whoever needs the view prepares it again, and is told
        session.plan(camera)


def _go_on_unless(stopped: Callable[[], bool]) -> None:
    if stopped():
        raise OvertakenError


def _finished(blended: Tensor, alphas: Tensor, finish: Finish) -> np.ndarray:
    height, width = alphas.shape
    image = np.empty((height, width, 3), dtype=np.uint8)
    strip = torch.empty(max(STRIP // (3 * width), 1), width, 3)
    for first in range(0, height, len(strip)):
        rows = slice(first, min(first + len(strip), height))
        # As `to_uint8`. The other blended channels lie between the three shown; written to a contiguous strip first,
        # the arithmetic is several times as fast.
        values = strip[: rows.stop - first]
        torch.mul(finish(blended[rows], alphas[rows], rows), 255, out=values)
        image[rows] = values.round_().clamp_(0, 255).numpy()
    return image


def _color(workspace: Workspace, step: Step, camera: Camera, seen: Seen) -> tuple[Sequence[Tensor], Finish]:
    behind, lit = torch.tensor(workspace.scene.background), any(workspace.scene.background)

    def finish(blended: Tensor, alphas: Tensor, _: slice) -> Tensor:
        return blended + (1.0 - alphas)[..., None] * behind if lit else blended

    return [seen.colors()], finish


def _features(workspace: Workspace, step: Step, camera: Camera, seen: Seen) -> tuple[Sequence[Tensor], Finish]:
    return [seen.carried("features", workspace.scene.feature_colors)], lambda blended, *_: blended


def _segments(workspace: Workspace, step: Step, camera: Camera, seen: Seen) -> tuple[Sequence[Tensor], Finish]:
    def finish(blended: Tensor, alphas: Tensor, _: slice) -> Tensor:
        grey = blended[..., 3:].clamp_(0, 1)
        return blended[..., :3].mul_(grey.mul_(SHADED).add_(1.0 - SHADED))

    return [seen.carried("tints", _tints(workspace, step, NO_SEGMENT)), seen.grey()], finish


def _overlay(workspace: Workspace, step: Step, camera: Camera, seen: Seen) -> tuple[Sequence[Tensor], Finish]:
    def finish(blended: Tensor, alphas: Tensor, _: slice) -> Tensor:
        # As `overlay_segments`: the scene's lightness, tinted by segments; dark grey without a segment.
        return blended[..., :3].mul_(0.6).add_(blended[..., 3:], alpha=0.4)

    return [seen.carried("tints", _tints(workspace, step, 0.25)), seen.grey()], finish


def _similarity(workspace: Workspace, step: Step, camera: Camera, seen: Seen) -> tuple[Sequence[Tensor], Finish]:
    grey = seen.grey()
    query = workspace.query
    if query is None:
        return [grey], lambda blended, *_: (0.5 * blended.clamp(0, 1)).expand(*blended.shape[:2], 3).contiguous()
    alike = workspace.canvas.kept(
        "alike", [query], lambda: torch.from_numpy(workspace.scene.session.features) @ torch.from_numpy(query)
    )
    low, high = ALIKE

    def finish(blended: Tensor, alphas: Tensor, _: slice) -> Tensor:
        # Divided by the opacity: the mean similarity of what the pixel shows, also where the splat is thin.
        heat = (blended[..., 1] / alphas.clamp(min=COVERED)).sub_(low).div_(high - low)
        light = blended[..., 0].clamp_(0, 1).mul_(0.45).add_(0.55).mul_(alphas)
        return through(ramp(HEAT), heat).mul_(light[..., None])

    return [grey, seen.carried("similarity", alike)], finish


def _depth(workspace: Workspace, step: Step, camera: Camera, seen: Seen) -> tuple[Sequence[Tensor], Finish]:
    near, far = _depth_range(workspace.scene.splats.means, camera, step.hidden)

    def finish(blended: Tensor, alphas: Tensor, _: slice) -> Tensor:
        depth = alphas.clamp(min=COVERED).div_(blended[..., 0].clamp_(min=1e-12))
        # Even steps of the logarithm: near depths are resolved more finely, and the unit of the scene cancels.
        share = depth.div_(near).clamp_(min=1.0).log_().div_(math.log(far / near))
        return through(ramp(DEPTH), share).mul_(alphas[..., None])

    # Blended is 1/depth: the little light that comes from far behind a surface hardly changes its mean.
    return [1.0 / view_depths(seen.means, camera).clamp(min=0.1 * near)], finish


def _depth_range(means: Tensor, camera: Camera, hidden: Bits | None) -> tuple[float, float]:
    """Return (nearest, farthest) depth of most Gaussians in a camera's picture, from an even sample of them."""
    sample = slice(None, None, max(len(means) // DEPTH_SAMPLE, 1))
    pixels, _ = camera.project(means[sample].double().numpy())
    ahead = view_depths(means[sample], camera).numpy()
    inside = (pixels >= 0).all(1) & (pixels < (camera.width, camera.height)).all(1) & (ahead > 0)
    if hidden is not None:
        inside &= ~hidden.array[sample]
    if not inside.any():
        return 1.0, 2.0
    near, far = (float(each) for each in np.quantile(ahead[inside], DEPTH_RANGE))
    return max(near, 1e-6), max(far, 1.001 * near, 2e-6)


def _masks(workspace: Workspace, step: Step, camera: Camera, seen: Seen) -> tuple[Sequence[Tensor], Finish]:
    view = workspace.scene.view_at(camera)
    overlay = None if view is None else workspace.scene.input_mask_overlay(view)
    if view is None or overlay is None:
        return _color(workspace, step, camera, seen)
    # No channel but the selection is blended: the photograph itself is the picture.
    photograph = torch.from_numpy(_as_seen_by(camera, overlay, view.camera))
    return [], lambda blended, alphas, rows: photograph[rows].float().div_(255)


def _as_seen_by(camera: Camera, image: np.ndarray, taken: Camera) -> np.ndarray:
    """Resample an image (h,w,3) of the camera `taken` for another camera at the same place: (H,W,3), black outside."""
    # With equal position and direction, pixels of both cameras differ by K_taken K^-1: scale and shift. Pillow's affine
    # transform maps in the same direction, from pixels of the result to pixels of the image.
    to_image = taken.K @ np.linalg.inv(camera.K)
    (a, _, c), (_, e, f) = to_image[0], to_image[1]
    shape = (camera.width, camera.height)
    found = Image.fromarray(image).transform(
        shape, Image.Transform.AFFINE, (a, 0, c, 0, e, f), Image.Resampling.BILINEAR
    )
    return np.asarray(found).copy()  # Pillow's array is read-only, which torch refuses to share


def _tints(workspace: Workspace, step: Step, none: float) -> Tensor:
    table = workspace.scene.table
    assert table is not None, "the mode is not offered without segments"
    now = table.now
    return segment_tints(workspace, now, step.granularity, none)


_PAINTED = {
    "color": _color,
    "features": _features,
    "segments": _segments,
    "overlay": _overlay,
    "similarity": _similarity,
    "depth": _depth,
    "masks": _masks,
}


def _scale_of_depth(workspace: Workspace, camera: Camera) -> Scale | None:
    near, far = _depth_range(workspace.scene.splats.means, camera, workspace.step.hidden)
    return Scale(ramp(DEPTH), "depth, units", f"{near:.3g}", f"{far:.3g}")


def _scale_of_similarity(workspace: Workspace, camera: Camera) -> Scale | None:
    low, high = ALIKE
    return None if workspace.query is None else Scale(ramp(HEAT), "similarity (cosine)", f"{low:g}", f"{high:g}")


_SCALES = {"depth": _scale_of_depth, "similarity": _scale_of_similarity}
"""Scales of the modes whose colours are numbers; drafts go without."""

_TINTS = {"features": 0.15, "segments": 0.15, "overlay": 0.15, "similarity": 0.0, "depth": 0.0}
"""Tint of the selection in modes whose colours have a meaning: weaker, or none."""
