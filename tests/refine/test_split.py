"""A split renders nearly the same, carries all its parent carries, and leaves the others alone."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch
from scenes import camera, things

from splatseg.raster.interface import rasterize
from splatseg.refine.split import axis_of, split_along
from splatseg.splats.splats import Splats


def one(opacity: float = 0.9, scales: tuple[float, float, float] = (0.5, 0.1, 0.02)) -> Splats:
    """One long Gaussian across the view of `camera()`, turned a little."""
    return Splats(
        means=torch.tensor([[0.1, -0.05, 3.0]]),
        quats=torch.tensor([[0.95, 0.05, 0.02, 0.3]]),
        log_scales=torch.tensor([scales]).log(),
        opacity_logits=torch.logit(torch.tensor([opacity])),
        sh0=torch.tensor([[0.3, -0.2, 0.8]]),
        shN=torch.zeros(1, 0, 3),
    )


def alphas(splats: Splats) -> torch.Tensor:
    values = torch.ones(len(splats), 1)
    view = camera(width=96, height=64, focal=80.0)
    return rasterize(splats.means, splats.quats, splats.scales, splats.opacities, values, view).alphas


@pytest.mark.parametrize("opacity", [0.1, 0.5, 0.95])
@pytest.mark.parametrize("axis", [0, 1])
def test_a_split_keeps_the_picture(opacity: float, axis: int):
    before = one(opacity)
    after, _ = split_along(before, np.array([0]), np.array([axis]), 0.6)
    old, new = alphas(before), alphas(after)
    assert len(after) == 3
    assert float((new - old).abs().max()) < 0.1 * opacity
    assert float(new.sum()) == pytest.approx(float(old.sum()), rel=0.07)


def test_children_lie_along_the_axis_and_are_narrower_there_only():
    before = one()
    after, _ = split_along(before, np.array([0]), np.array([0]), 0.6)
    along = after.means - before.means
    axis = axis_of(before.quats, torch.tensor([0]))[0]
    torch.testing.assert_close(torch.linalg.cross(along, axis.expand(3, 3)), torch.zeros(3, 3), atol=1e-5, rtol=0)
    torch.testing.assert_close(after.scales / before.scales, torch.tensor([[0.6, 1.0, 1.0]]).repeat(3, 1))


def test_children_carry_what_their_parent_carries_and_the_others_stay_in_every_bit():
    splats, thing = things()
    splats = dataclasses.replace(
        splats.replace(features=torch.randn(len(splats), 4), segment_ids=torch.from_numpy(thing.astype(np.int32))),
        extras={"planet": np.arange(len(splats))},
    )
    which = np.array([3, 50])
    after, parent = split_along(splats, which, np.array([0, 2]), 0.6)
    assert len(after) == len(splats) + 4
    np.testing.assert_array_equal(np.sort(np.bincount(parent))[-2:], [3, 3])
    np.testing.assert_array_equal(after.extras["planet"], parent)
    assert torch.equal(after.features, splats.features[parent]) and torch.equal(after.sh0, splats.sh0[parent])
    assert torch.equal(after.segment_ids, splats.segment_ids[parent])
    stays = ~np.isin(parent, which)
    for name in ("means", "quats", "log_scales", "opacity_logits"):
        assert torch.equal(getattr(after, name)[stays], getattr(splats, name)[parent[stays]]), name


def test_nothing_to_split_is_the_same_splat():
    splats, _ = things()
    after, parent = split_along(splats, np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64), 0.6)
    assert after is splats
    np.testing.assert_array_equal(parent, np.arange(len(splats)))
