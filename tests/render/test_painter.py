"""Frames of a film: what each shows, in colours that do not change from frame to frame."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scenes import ring, things

from splatseg.errors import PromptError, RunError
from splatseg.levels.reduced import Reduced
from splatseg.oklab import oklab_of
from splatseg.render.label_maps import selection_mask
from splatseg.render.painter import Look, clear_before, depth_colors, painter_of
from splatseg.render.rgb import render_depth, render_rgb
from splatseg.segments.palette import NO_SEGMENT
from splatseg.splats.splats import Splats


def three_things() -> Splats:
    splats, ids = things()
    kinds = torch.as_tensor(ids)
    return splats.replace(segment_ids=kinds.int(), features=torch.eye(3)[kinds.long() - 1])


def test_segments_are_in_their_own_colours_in_every_frame() -> None:
    cameras = ring(5)
    colors = {1: (250, 10, 20), 2: (20, 250, 30)}
    paint = painter_of(three_things(), "segments", cameras, Look(colors=colors))
    seen = {tuple(color) for camera in cameras for color in paint(camera).reshape(-1, 3).tolist()}
    assert {(250, 10, 20), (20, 250, 30), NO_SEGMENT} <= seen and len(seen) == 4


def test_edges_of_segments_are_smooth_only_if_asked() -> None:
    paint = painter_of(three_things(), "segments", ring(2), Look(supersample=4))
    assert len({tuple(color) for color in paint(ring(2)[0]).reshape(-1, 3).tolist()}) > 4


def test_chosen_segments_are_lifted_out_and_all_else_is_dimmed() -> None:
    splats, camera = three_things(), ring(5)[0]
    paint = painter_of(splats, "masks", [camera], Look(segments=(2,), background=(1, 1, 1)))
    assert splats.segment_ids is not None
    chosen = selection_mask(splats, camera, splats.segment_ids == 2)
    picture = paint(camera).astype(int)
    assert chosen.any() and picture[~chosen].max() <= 0.4 * 255 + 1
    assert (picture[chosen][:, 0] > picture[chosen][:, 2]).all()


def test_colour_and_features_are_pictures_of_the_camera_s_size() -> None:
    splats, camera = three_things(), ring(3, width=40, height=30)[0]
    for what in ("rgb", "features", "overlay", "depth"):
        picture = painter_of(splats, what, [camera])(camera)  # type: ignore[arg-type]
        assert picture.shape == (30, 40, 3) and picture.dtype == np.uint8 and picture.std() > 0


@pytest.mark.parametrize("what", ["rgb", "features", "segments", "overlay", "masks", "depth"])
def test_a_draft_shows_nearly_the_same_in_fewer_gaussians(what: str) -> None:
    splats, kinds = things(each=2000)
    kinds = torch.as_tensor(kinds)
    splats = splats.replace(segment_ids=kinds.int(), features=torch.eye(3)[kinds.long() - 1])
    splats, camera = splats.replace(log_scales=splats.log_scales - 1.5), ring(3, width=48, height=32, focal=36.0)[0]
    assert len(Reduced(splats)(camera)) < 0.8 * len(splats)
    pictures = [
        painter_of(splats, what, [camera], Look(draft=draft, segments=(2,)))(camera)  # type: ignore[arg-type]
        for draft in (False, True)
    ]
    off = np.abs(pictures[0].astype(int) - pictures[1]).max(-1)
    assert pictures[0].any() and np.quantile(off, 0.8) < 12


def test_a_depth_has_one_colour_in_all_frames() -> None:
    splats = three_things()
    cameras = [*ring(3, radius=3.0), *ring(3, radius=5.0)]
    paint = painter_of(splats, "depth", cameras)
    depths = np.concatenate([render_depth(splats, camera).numpy().ravel() for camera in cameras])
    lightness = np.concatenate([oklab_of(paint(camera))[..., 0].ravel() for camera in cameras])
    order = np.argsort(depths[depths > 0])
    assert (np.diff(lightness[depths > 0][order]) <= 0.004).all() and np.ptp(lightness) > 0.5


def test_farther_is_darker_in_even_steps_and_nothing_is_black() -> None:
    depth = np.geomspace(0.5, 8.0, 64)[None]
    lightness = oklab_of(depth_colors(depth, 0.5, 8.0))[0, :, 0]
    steps = -np.diff(lightness)
    assert (steps > 0).all() and steps.max() < 2.5 * steps.mean()
    assert np.array_equal(depth_colors(np.array([[0.1, 0.0, 99.0]]), 0.5, 8.0)[0, 1], (0, 0, 0))
    assert np.array_equal(depth_colors(np.array([[0.1, 0.5]]), 0.5, 8.0)[0, 0], depth_colors(depth, 0.5, 8.0)[0, 0])


def test_what_hangs_before_the_lens_is_gone_and_what_is_behind_it_stays() -> None:
    splats, camera = three_things(), ring(5)[0]
    clear = render_rgb(splats, camera)
    floater = splats.subset(torch.tensor([0])).replace(
        means=torch.tensor(camera.unproject(np.array([[18.0, 12.0]]), np.array([0.4]))).float(),
        opacity_logits=torch.tensor([6.0]),
    )
    names = ("means", "quats", "log_scales", "opacity_logits", "sh0", "shN")
    both = Splats(*(torch.cat([getattr(splats, name), getattr(floater, name)]) for name in names))
    assert (render_rgb(both, camera) - clear).abs().max() > 0.1
    assert torch.allclose(render_rgb(clear_before(both, camera, 0.9), camera), clear, atol=1e-6)
    assert clear_before(splats, camera, 0.9) is splats and clear_before(both, camera, 0.0) is both


def test_a_gaussian_fades_and_does_not_pop() -> None:
    splats, camera = three_things(), ring(5)[0]
    depths = torch.as_tensor(camera.project(splats.means.numpy())[1])
    opacities = torch.stack([clear_before(splats, camera, reach).opacities for reach in np.linspace(2, 8, 400)])
    assert (opacities.diff(dim=0) < 1e-6).all() and opacities.diff(dim=0).abs().max() < 0.03
    assert opacities[-1, depths < 4].max() < 1e-4


def test_what_cannot_be_shown_is_a_sentence() -> None:
    splats, camera = three_things(), ring(2)[0]
    with pytest.raises(RunError, match="no segments yet"):
        painter_of(splats.replace(segment_ids=None), "segments", [camera])
    with pytest.raises(RunError, match="no features yet"):
        painter_of(splats.replace(features=None), "features", [camera])
    with pytest.raises(PromptError, match="name them with --segment ID"):
        painter_of(splats, "masks", [camera])
    with pytest.raises(PromptError, match="99"):
        painter_of(splats, "masks", [camera], Look(segments=(99,)))


def test_segments_with_ids_of_billions_cost_no_more_than_others() -> None:
    splats = three_things()
    assert splats.segment_ids is not None
    many = splats.replace(segment_ids=splats.segment_ids * 600_000_000)
    (camera,) = ring(1)
    colors = {1: (200, 30, 30), 2: (30, 200, 30), 3: (30, 30, 200)}
    few = painter_of(splats, "segments", [camera], Look(colors=colors))(camera)
    large = {segment_id * 600_000_000: color for segment_id, color in colors.items()}
    assert (painter_of(many, "segments", [camera], Look(colors=large))(camera) == few).all()
