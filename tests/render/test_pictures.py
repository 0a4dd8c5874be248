"""Features as colours and depth as 16-bit images."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from scenes import camera, cloud

from splatseg.errors import RunError
from splatseg.render.pictures import (
    FeatureColors,
    depth_unit,
    fit_feature_colors,
    to_uint8,
    write_depth,
    write_depth_unit,
)
from splatseg.splats.splats import Splats


def splats_of(features: torch.Tensor | None, count: int = 60) -> Splats:
    scene = cloud(count, size=0.2)
    zeros = torch.zeros(count, 3)
    logits = torch.logit(scene.opacities.clamp(1e-4, 1 - 1e-4))
    return Splats(
        scene.means, scene.quats, scene.scales.log(), logits, zeros, torch.zeros(count, 0, 3), features=features
    )


def groups(count: int = 60, channels: int = 8, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    centres = torch.nn.functional.normalize(torch.randn(4, channels, generator=generator), dim=1)
    return centres[torch.arange(count) % 4] + 0.01 * torch.randn(count, channels, generator=generator)


def test_like_features_have_like_colours_and_unlike_ones_do_not() -> None:
    colors = FeatureColors.fit(groups()).colors
    within = (colors[0::4] - colors[0]).norm(dim=1).max()
    between = min((colors[0] - colors[k]).norm() for k in (1, 2, 3))
    assert within < 0.3 * between


def test_colours_do_not_depend_on_the_view_nor_on_the_run() -> None:
    splats = splats_of(groups())
    colors = fit_feature_colors(splats)
    assert torch.equal(colors.colors, fit_feature_colors(splats).colors)
    picture = colors.render(splats, camera())
    assert (picture.dtype, picture.shape) == (np.dtype(np.uint8), (16, 24, 3))
    assert picture.any()


def test_the_sign_of_a_component_is_fixed() -> None:
    features = groups().double()
    nearly = features + 1e-9 * torch.randn_like(features)
    assert torch.allclose(FeatureColors.fit(features).colors, FeatureColors.fit(nearly).colors, atol=1e-4)


@pytest.mark.parametrize("channels", [1, 2, 3, 64])
def test_any_number_of_channels_gives_three_colours(channels: int) -> None:
    colors = FeatureColors.fit(groups(channels=channels)).colors
    assert colors.shape == (60, 3)
    assert ((colors >= 0) & (colors <= 1)).all()


def test_unseen_and_broken_features_are_grey_and_do_not_spread() -> None:
    features = groups()
    clean = FeatureColors.fit(features[2:]).colors
    features[0], features[1] = 0.0, float("nan")
    colors = FeatureColors.fit(features).colors
    assert (colors[:2] == 0.5).all()
    assert torch.allclose(colors[2:], clean, atol=1e-5)


def test_features_that_are_all_zero_or_all_equal_are_grey() -> None:
    assert (FeatureColors.fit(torch.zeros(5, 4)).colors == 0.5).all()
    assert (FeatureColors.fit(torch.ones(5, 4)).colors == 0.5).all()


def test_a_splat_without_features_says_how_to_make_them() -> None:
    with pytest.raises(RunError, match="make them with `splatseg segment RUN`"):
        fit_feature_colors(splats_of(None))


def test_values_outside_are_clipped() -> None:
    assert to_uint8(np.array([-1.0, 0.0, 0.5, 2.0])).tolist() == [0, 0, 128, 255]


@pytest.mark.parametrize("scale", [1e-3, 0.07, 1.0, 55.0, 1e5])
def test_the_unit_of_depth_is_round_and_fits_the_scene(scale: float) -> None:
    splats = splats_of(None)
    scaled = splats.replace(means=splats.means * scale)
    unit = depth_unit(scaled, [camera()])
    assert f"{unit:.0e}"[0] in "125"
    far = float(scaled.means[:, 2].max())
    assert 0.15 * 65535 * unit < far <= 65535 * unit * 1.01


def test_a_scene_that_no_camera_sees_has_a_unit_all_the_same() -> None:
    splats = splats_of(None)
    assert depth_unit(splats.replace(means=-splats.means), [camera()]) > 0


def test_depth_survives_its_png_and_says_its_unit(tmp_path: Path) -> None:
    depth = np.array([[0.0, 1e-9, 1.2344], [65.0, 1e9, np.nan]], np.float32)
    write_depth(tmp_path / "a.png", depth, 1e-3)
    write_depth_unit(tmp_path / "depth.json", 1e-3)
    unit = json.loads((tmp_path / "depth.json").read_text())["unit"]
    with Image.open(tmp_path / "a.png") as image:
        steps = np.asarray(image)
    # Nothing is 0; what is very near is not nothing; what is too far is the largest value.
    assert steps.tolist() == [[0, 1, 1234], [65000, 65535, 0]]
    assert abs(steps[0, 2] * unit - 1.2344) <= unit
