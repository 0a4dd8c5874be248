"""A scene without an object: a scene of its own, which says what was made up."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from table_scene import ball, table, together, without_circle
from viewer_scenes import CAMERA

import splatseg
from splatseg.errors import OutputError, PromptError
from splatseg.scene.table import table_of_file


@pytest.fixture
def scene() -> splatseg.Scene:
    splats, _ = together(without_circle(table(), 0.22), ball())
    made = splatseg.Scene(splats, "things", table_of_file(splats))
    made.segments.rename(2, "ball")
    made.segments.rename(1, "table")
    return made


def test_the_rest_of_an_object_is_filled_and_says_so(scene: splatseg.Scene) -> None:
    thing = scene.segment("ball")
    filled = thing.rest.filled()
    assert isinstance(filled, splatseg.Scene) and filled.name == "things without ball"
    assert filled.warnings[0].startswith("closed a hole of ")
    assert [row.name for row in filled.segments] == ["table"]
    made = int((filled.splats.extras["made_up"] == 1).sum())
    assert filled.segments["table"].count == thing.rest.count + made == len(filled.splats)
    assert filled.render(CAMERA).shape == (80, 120, 3)
    assert len(scene.splats) == len(thing.members) and not scene.splats.extras


def test_nothing_of_the_scene_it_came_from_is_replaced(scene: splatseg.Scene, tmp_path: Path) -> None:
    scene.path = tmp_path / "things.ply"
    filled = scene.segment("ball").rest.filled()
    with pytest.raises(OutputError, match="is part of what is exported and would be lost"):
        filled.export(tmp_path / "things.ply")
    again = splatseg.open(filled.export(tmp_path / "rest.ply"))
    np.testing.assert_array_equal(again.splats.extras["made_up"], filled.splats.extras["made_up"])


def test_no_hole_is_left_by_nothing(scene: splatseg.Scene) -> None:
    everything = scene.gaussians(np.ones(len(scene.splats), dtype=bool))
    with pytest.raises(PromptError, match=r"everything is selected, so nothing left a hole; take `\.rest`"):
        everything.filled()
    with pytest.raises(PromptError, match="nothing is selected"):
        everything.rest.filled()
