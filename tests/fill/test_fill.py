"""The hole under a removed object is closed as its surroundings are; nothing is made up where nothing is missing."""

from __future__ import annotations

import re

import numpy as np
import pytest
import torch
from table_scene import TABLE, ball, black_circle, cameras, color_at, table, together, without_circle

from splatseg.cameras.camera import Camera
from splatseg.fill.fill import Filled, fill_holes
from splatseg.raster.interface import rasterize
from splatseg.render.rgb import render_rgb
from splatseg.splats.splats import Splats

HOLE = 0.22


def worst(splats: Splats, true: Splats) -> tuple[float, float]:
    """The largest differences of alpha and of colour, over all cameras, to the table that is whole."""
    alpha = color = 0.0
    for camera in cameras():
        both = [rasterize(*each.geometry, each.sh0, camera).alphas for each in (splats, true)]
        alpha = max(alpha, float((both[0] - both[1]).abs().max()))
        color = max(color, float((render_rgb(splats, camera) - render_rgb(true, camera)).abs().max()))
    return alpha, color


def mean(splats: Splats, true: Splats) -> float:
    """The mean difference of colour over all cameras to the table that is whole."""
    return float(np.mean([(render_rgb(splats, at) - render_rgb(true, at)).abs().mean() for at in cameras()]))


def standing(hole: float = HOLE) -> tuple[Splats, np.ndarray]:
    return together(without_circle(table(), hole), ball())


def assert_nothing_filled(filled: Filled, splats: Splats, members: np.ndarray, sentence: str) -> None:
    assert filled.made == 0 and filled.said == (f"{sentence}, so nothing was filled in",)
    assert torch.equal(filled.splats.means, splats.means[~members]) and not filled.splats.extras


@pytest.mark.parametrize("seen_by", [[], cameras()], ids=["without cameras", "with cameras"])
def test_a_hole_is_closed_in_the_colours_around_it(seen_by: list[Camera]) -> None:
    splats, members = standing()
    open_alpha, open_color = worst(splats.subset(~members), table())
    assert open_alpha > 0.9 and open_color > 0.4
    filled = fill_holes(splats, members, seen_by)
    alpha, color = worst(filled.splats, table())
    assert alpha < 0.1 and color < 0.06
    (said,) = filled.said
    assert said.startswith("closed a hole of 0.") and f"with {filled.made:,} made-up Gaussians" in said


def test_what_is_made_up_is_marked_and_belongs_to_the_surface() -> None:
    splats, members = standing()
    filled = fill_holes(splats, members)
    marks = filled.splats.extras["made_up"]
    assert marks.dtype == np.uint8 and int(marks.sum()) == filled.made > 50 and (marks[-filled.made :] == 1).all()
    new = filled.splats.subset(marks == 1)
    assert new.segment_ids is not None and (new.segment_ids == TABLE).all()
    x, y, z = new.positions.T
    assert np.hypot(x, z).max() < HOLE + 0.1 and np.abs(y).max() < 0.01
    inner = np.hypot(x, z) < HOLE
    colors = 0.5 + 0.2820948 * new.sh0.numpy()
    assert np.abs(colors - color_at(x, z))[inner].max() < 0.05


def test_nothing_is_made_up_where_nothing_is_missing() -> None:
    splats, members = together(table(), ball())
    filled = fill_holes(splats, members)
    assert_nothing_filled(filled, splats, members, "nothing is missing under what was removed")


def test_what_hangs_in_the_air_leaves_no_hole() -> None:
    for above in (0.25, 3.0):
        splats, members = together(without_circle(table(), HOLE), ball(above=above))
        filled = fill_holes(splats, members, cameras())
        assert_nothing_filled(filled, splats, members, "no flat surface touches what was removed")


def test_a_hole_that_is_open_is_left_open() -> None:
    # Two boards that carry the ball: nobody knows what is between them.
    whole = table()
    x, _, z = np.abs(whole.positions.T)
    splats, members = together(whole.subset((x > 0.2) & (x < 0.5) & (z < 0.16)), ball())
    filled = fill_holes(splats, members)
    assert filled.made == 0 and len(filled.splats) == (~members).sum()
    assert re.fullmatch(r"the hole .* is open \(there is surface on 4\d % of its outline\), so .*", *filled.said)


def test_what_the_object_hid_is_taken_out_where_photographs_tell() -> None:
    splats, members = together(without_circle(table(), 0.1), black_circle(0.09), ball())
    black = (splats.sh0 < -1.7).all(1).numpy()
    assert black.sum() > 4
    filled = fill_holes(splats, members, cameras())
    assert "that it had hidden were taken out" in filled.said[0]
    assert not (filled.splats.sh0 < -1.7).all(1).any()
    assert worst(filled.splats, table())[1] < 0.08
    assert fill_holes(splats, members).made == 0


def test_nothing_is_made_up_beyond_the_edge_of_the_table() -> None:
    whole = table(0.6)
    splats, members = together(without_circle(whole, HOLE, 0.55), ball(0.55))
    filled = fill_holes(splats, members)
    new = filled.splats.positions[filled.splats.extras["made_up"] == 1]
    assert len(new) > 20 and new[:, 0].max() < 0.68
    assert mean(filled.splats, whole) < 0.25 * mean(splats.subset(~members), whole)


def test_two_objects_leave_two_holes() -> None:
    broken = without_circle(without_circle(table(), HOLE, -0.6), HOLE, 0.6)
    splats, members = together(broken, ball(-0.6), ball(0.6), ball(above=3.0))
    filled = fill_holes(splats, members)
    assert re.fullmatch(r"closed a hole of .* \(2 times\)", filled.said[0]) and filled.said[1].startswith("no flat")
    assert worst(filled.splats, table())[1] < 0.06


def test_a_table_that_is_filled_again_keeps_its_marks() -> None:
    broken = without_circle(without_circle(table(), HOLE, -0.6), HOLE, 0.6)
    splats, members = together(broken, ball(-0.6), ball(0.6))
    one = members & (splats.positions[:, 0] < 0)
    first = fill_holes(splats, one)
    second = fill_holes(first.splats, (first.splats.segment_ids == 2).numpy())
    assert int((second.splats.extras["made_up"] == 1).sum()) == first.made + second.made


def test_the_same_bits_on_any_number_of_threads(set_threads) -> None:  # type: ignore[no-untyped-def]
    splats, members = standing()
    made = []
    for threads in (1, 2, 3):
        set_threads(threads)
        filled = fill_holes(splats, members, cameras())
        made.append([filled.splats.means.numpy().tobytes(), filled.splats.sh0.numpy().tobytes(), filled.said])
    assert made[0] == made[1] == made[2]


def test_members_of_another_splat_are_refused() -> None:
    splats, members = standing()
    with pytest.raises(ValueError, match=r"members must be \(\d+,\) bool, got \(\d+,\) bool"):
        fill_holes(splats, members[1:])
