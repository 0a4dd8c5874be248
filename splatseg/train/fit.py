"""The photometric fit: from the points of a capture and its photographs to a splat.

    each step: one view; colours at its viewing directions; one rasterisation; loss; Adam; now and then growth, pruning,
    opacity reset. The picture is compared in the colours that its photograph has (`train.color_correction`). With a
    joint objective, colour and F feature channels are blended in the same rasterisation.

Alphabet: N Gaussians; H x W pixels; F feature channels; a step is counted from 1; extent as in `train.settings`.

All random numbers are a function of (seed, purpose, step or epoch), so a resumed fit continues to the bit without the
state of a random generator.

Source: 3DGS (Kerbl et al. 2023), section 5.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

import splatseg._native as _native  # noqa: PLR0402 (from the package would import its public face)
from splatseg.cameras.camera import Camera
from splatseg.capture.capture import Capture
from splatseg.capture.view import View
from splatseg.errors import RunError
from splatseg.raster.interface import Growth, Raster, rasterize
from splatseg.splats.activations import to_opacities
from splatseg.splats.colors import SeenColors
from splatseg.splats.initialise import splats_from_points
from splatseg.splats.spherical_harmonics import coefficient_count
from splatseg.splats.splats import Splats
from splatseg.train import density
from splatseg.train.checkpoint import Checkpoint, write_checkpoint
from splatseg.train.context import Context, over
from splatseg.train.losses import JointObjective, photometric_loss, psnr
from splatseg.train.photographs import Photographs, at_resolution
from splatseg.train.random_points import random_points
from splatseg.train.settings import TrainSettings
from splatseg.train.state import FitState, begin, finite_rows
from splatseg.train.surroundings import BOUND_EVERY, bound_sizes, far_points
from splatseg.train.task import Fit, StepReport, Watch, color_correction, resumed

CHECKPOINT_SECONDS = 30.0
"""Seconds from one checkpoint to the next, so that also a fit of few steps loses no more when it is killed."""

SAVING_SHARE = 0.02
"""Share of the time that such checkpoints may take: those of millions of Gaussians are slow and come less often."""

ORDER, SPLIT = 0, 1
"""Purposes of random numbers: the order of views, the children of splits."""


def fit_splats(
    capture: Capture,
    settings: TrainSettings,
    *,
    objective: JointObjective | None = None,
    start: Splats | None = None,
    on_step: Callable[[StepReport], None] | None = None,
    checkpoints: Path | None = None,
    resume: bool = False,
    stop: Callable[[], bool] | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> Splats:
    """Fit a splat to the training views of a capture.

    objective: a loss on features that are trained jointly; the result then has features (N,F). start: Gaussians to
    begin with instead of the capture's points; without any, points are random (`train.random_points`). on_step is
    called every `settings.report_every` steps and after the last. checkpoints: folder to save to, every
    `settings.checkpoint_every` steps and CHECKPOINT_SECONDS after the last by `clock` (seconds), which changes no bit
    of the result; and, with `resume`, to continue from (from the start if it is empty). stop is called after every
    step; once it returns True, a checkpoint is written and KeyboardInterrupt raised.

    Raises RunError if a checkpoint is damaged or belongs to another fit, or if no Gaussian is left.

    Example:
        >>> small = splatseg.load_capture(splatseg.demo_capture(), downscale=8)
        >>> len(splatseg.fit_splats(small, splatseg.TrainSettings().scaled(10))) > 0
        True
    """
    fit = Fit.of(capture, settings, objective)
    watch = Watch(on_step, checkpoints, stop, clock)
    state = resumed(checkpoints, fit) if resume and checkpoints is not None else None
    with closing(Photographs(fit.views)) as photographs:
        if state is None:
            first = None if start is None else start.in_world(capture.coordinates)
            state = begin(first or first_gaussians(capture.points, capture.point_colors, photographs, fit), objective)
            state.correction = color_correction(fit)
            del first, start  # a copy of the Gaussians less for the whole fit
        advance(fit, state, settings.iterations, photographs, watch)
    state.optimiser.catch_up(rates(settings, settings.iterations, fit.extent, objective))
    return dataclasses.replace(state.splats(settings.sh_degree), coordinates=capture.coordinates)


def advance(fit: Fit, state: FitState, until: int, photographs: Photographs, watch: Watch) -> None:
    """Take the steps of a fit up to one, `until`. photographs: of `fit.views`.

    Raises KeyboardInterrupt when it is asked to stop, and RunError if no Gaussian is left.
    """
    views, settings = fit.views, fit.settings
    began = watch.clock()
    next_save = began + CHECKPOINT_SECONDS
    while state.step < until:
        index = view_of_step(state.step, len(views), settings.seed)
        photograph, ignored = photographs[index]
        photographs.ahead(view_of_step(state.step + 1, len(views), settings.seed))
        given = state, views[index], photograph, settings, fit.extent
        loss, image, target = one_step(*given, ignored=ignored, objective=fit.objective, context=fit.context)
        step = state.step
        if settings.surroundings > 0 and (step % BOUND_EVERY == 0 or step == settings.iterations):
            bound_sizes(state.parameters["means"], state.parameters["log_scales"], fit.centre, fit.extent)
        if watch.on_step and (step % settings.report_every == 0 or step == until):
            strength = state.correction.strength if state.correction is not None else 0.0
            count = len(state.parameters["means"])
            watch.on_step(StepReport(step, loss, psnr(image, target), count, watch.clock() - began, strength))
        interrupted = watch.stop is not None and watch.stop()
        due = step % settings.checkpoint_every == 0 or watch.clock() >= next_save
        if watch.checkpoints is not None and (interrupted or due):
            saving = watch.clock()
            facts = fit.facts() | {"idle": state.optimiser.idle}
            write_checkpoint(watch.checkpoints, Checkpoint(step, state.tensors(), facts))
            next_save = watch.clock() + max(CHECKPOINT_SECONDS, (watch.clock() - saving) / SAVING_SHARE)
        if interrupted:
            raise KeyboardInterrupt(f"stopped after step {step}")


def one_step(
    state: FitState,
    view: View,
    photograph: Tensor,
    settings: TrainSettings,
    extent: float,
    *,
    ignored: Tensor | None = None,
    objective: JointObjective | None = None,
    context: Context | None = None,
) -> tuple[float, Tensor, Tensor]:
    """Advance a fit by one step on one view with its photograph (H,W,3) uint8 and the pixels (H,W) bool to ignore.

    Returns the loss, and the rendered image and the target it was compared with: all pixels (H,W,3), or those that are
    not ignored (P,3).
    """
    degree = settings.sh_degree_at(state.step)
    state.use_coefficients(coefficient_count(degree))
    learning = rates(settings, state.step, extent, objective)
    coarse = settings.coarse_at(state.step, view.camera.width * view.camera.height)
    device = state.parameters["means"].device
    photograph, ignored = photograph.to(device), None if ignored is None else ignored.to(device)
    camera, target, hidden = at_resolution(view.camera, photograph, ignored, coarse)
    step = state.step + 1
    due = objective is not None and objective.due(step)
    if due:
        state.optimiser.catch_up(learning)
    parameters = state.parameters

    # A moving Gaussian changes colour a little, because its viewing direction changes. The gradient of its position
    # leaves this out: it makes no difference to the result and takes a tenth of the time of a step.
    position = np.asarray(camera.position).tolist()
    seen = SeenColors.of(parameters["means"], parameters["sh0"], parameters["shN"], position, degree)
    channels = torch.cat([seen.colors, parameters["features"]], dim=1) if due else seen.colors
    # The activations are leaves too, so that their gradients turn into those of the parameters in place.
    scales = parameters["log_scales"].detach().exp().requires_grad_()
    opacities = to_opacities(parameters["opacity_logits"].detach()).requires_grad_()
    geometry = parameters["means"], parameters["quats"], scales, opacities
    growth = state.statistics if step <= settings.densify_until else None
    raster = _drawn(geometry, channels, camera, growth, context)
    image = over(raster.features[..., :3], raster.alphas, settings.background)
    if context is not None:
        target = context.target(view, camera, target, settings.background, state.correction)
    if state.correction is not None:
        image = state.correction.corrected(step, view, image, target, hidden)
    if hidden is not None:
        # Compared with itself a pixel has no gradient, and none through the windows of SSIM that lie in such pixels.
        target = torch.where(hidden[..., None], image.detach(), target)
    loss = photometric_loss(image, target, settings.ssim_weight)
    if due:
        assert objective is not None
        loss = loss + objective.loss(step, view, raster.features[..., 3:], parameters["means"], parameters["features"])
    value = float(loss.detach())
    if np.isfinite(value):
        loss.backward()
        _through_activations(parameters, scales, opacities)
        if context is not None:
            context.count(growth)
        state.optimiser.step(learning, resting=() if due or objective is None else ("features",), seen=seen)
    else:
        _drop_damaged(state, learning)
    state.step = step
    control_density(state, settings, extent, learning)
    image = image.detach()
    return (value, image, target) if hidden is None else (value, image[~hidden], target[~hidden])


def _drawn(
    geometry: tuple[Tensor, Tensor, Tensor, Tensor],
    channels: Tensor,
    camera: Camera,
    growth: Growth | None,
    context: Context | None,
) -> Raster:
    if context is None:
        return rasterize(*geometry, channels, camera, growth=growth)
    return context.rasterize(geometry, channels, camera, growth)


def _through_activations(parameters: dict[str, Tensor], scales: Tensor, opacities: Tensor) -> None:
    """Give log scales and logits of opacities their gradients, in the memory of those of scales and opacities."""
    assert scales.grad is not None and opacities.grad is not None
    with torch.no_grad():
        parameters["log_scales"].grad = scales.grad.mul_(scales)
        parameters["opacity_logits"].grad = opacities.grad.mul_(1.0 - opacities).mul_(opacities)
    scales.grad = opacities.grad = None


def control_density(state: FitState, settings: TrainSettings, extent: float, learning: dict[str, float]) -> None:
    """Grow, prune and reset opacities, if the schedule asks for it after the step just done."""
    step = state.step
    if settings.densifies_after(step):
        state.optimiser.catch_up(learning)
        parameters = state.parameters
        _native.free_scratch()  # one tensor at a time will be in memory twice
        edit = density.plan_growth(parameters, state.statistics.means(), settings, extent)
        prune_large = 0 < settings.reset_every < step
        edit = density.without_useless(edit, parameters, settings, extent, prune_large)
        _edit(state, edit, np.random.default_rng([settings.seed, SPLIT, step]))
    if settings.resets_after(step):
        logits = density.reset_opacities(state.parameters["opacity_logits"])
        state.optimiser = state.optimiser.exchanged("opacity_logits", logits)


def rates(settings: TrainSettings, step: int, extent: float, objective: JointObjective | None) -> dict[str, float]:
    """Return the learning rate of every parameter at a step."""
    settling = settings.settling_at(step)
    return {
        "means": settings.lr_means_at(step) * extent,
        "quats": settings.lr_quats * settling,
        "log_scales": settings.lr_scales * settling,
        "opacity_logits": settings.lr_opacity * settling,
        "sh0": settings.lr_sh0 * settling,
        "shN": settings.lr_shN * settling,
        "features": objective.learning_rate if objective is not None else 0.0,
    }


def view_of_step(step: int, count: int, seed: int) -> int:
    """Return the index of the view of a step (counted from 0).

    Every epoch shows all `count` views once, in its own order.
    """
    epoch, place = divmod(step, count)
    return int(np.random.default_rng([seed, ORDER, epoch]).permutation(count)[place])


def first_gaussians(points: np.ndarray, colors: np.ndarray, photographs: Photographs, fit: Fit) -> Splats:
    """Return the Gaussians that a fit begins with: at points (P,3) with colors (P,3) uint8, and far around them.

    photographs: of `fit.views`. Without any points they are random.
    """
    settings, cameras = fit.settings, [view.camera for view in fit.views]
    if len(points) == 0:
        points, colors = random_points(fit.views, photographs.arrays(), settings.seed)
    if settings.surroundings > 0:
        radius = settings.surroundings_radius * fit.extent
        far, far_colors = far_points(cameras, photographs.arrays(), points, radius, settings.surroundings)
        points, colors = np.concatenate([points, far]), np.concatenate([colors, far_colors])
    return splats_from_points(points, colors, 0, settings.seed)


def _edit(state: FitState, edit: density.Edit, random: np.random.Generator) -> None:
    if len(edit.source) == 0:
        raise RunError(
            f"the fit lost its last Gaussian at step {state.step}: none of them explained the photographs; "
            "check that cameras, images and points of the capture belong together"
        )
    if edit.changes(len(state.parameters["means"])):
        offsets = density.offsets_of_children(state.parameters, edit, random)
        state.optimiser = state.optimiser.edited(
            lambda name, value: density.edited(name, value, edit, offsets), edit.source, edit.fresh
        )
        if state.own is not None:
            state.own = state.own[edit.source]
    state.statistics = density.Statistics.empty(state.parameters["means"])


def _drop_damaged(state: FitState, learning: dict[str, float]) -> None:
    # A loss that is not finite comes from Gaussians that are not finite: remove them and go on with the next step.
    state.optimiser.catch_up(learning)
    finite = finite_rows(state.parameters)
    assert not bool(finite.all()), "the loss is not finite although all Gaussians are"
    rows = finite.nonzero()[:, 0]
    none = torch.zeros_like(rows, dtype=torch.bool)
    _edit(state, density.Edit(rows, none, none), np.random.default_rng(0))
