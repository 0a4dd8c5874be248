"""Half a turn moves a splat as a rigid body: shapes and colours seen from anywhere turn with it, and no bit is lost."""

from __future__ import annotations

import pytest
import torch
from scenes import colorful_splats, covariances

from splatseg.splats.half_turn import half_turn
from splatseg.splats.spherical_harmonics import evaluate


@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize("degree", [0, 1, 2, 3])
def test_shapes_and_colours_turn_with_the_splat(axis: int, degree: int) -> None:
    splats = colorful_splats(degree=degree)
    turned = half_turn(splats, axis)
    turn = torch.diag(torch.tensor([1.0 if i == axis else -1.0 for i in range(3)]))
    torch.testing.assert_close(turned.means, splats.means @ turn.T)
    torch.testing.assert_close(covariances(turned), turn @ covariances(splats) @ turn.T)
    directions = torch.nn.functional.normalize(torch.randn(len(splats), 3), dim=1)
    seen = evaluate(turned.sh0, turned.shN, directions @ turn.T, degree)
    torch.testing.assert_close(seen, evaluate(splats.sh0, splats.shN, directions, degree))


def test_two_half_turns_give_back_every_bit() -> None:
    splats = colorful_splats()
    again = half_turn(half_turn(splats, 2), 2)
    for name in ("means", "quats", "shN", "features", "segment_ids"):
        assert torch.equal(getattr(again, name), getattr(splats, name)), name
