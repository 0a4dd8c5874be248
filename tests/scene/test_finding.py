"""Words that are asked of a scene."""

from __future__ import annotations

import numpy as np
import pytest
from viewer_scenes import scene, workspace

from splatseg.errors import PromptError
from splatseg.scene.finding import split_words


def test_commas_part_words_and_not_says_what_is_not_meant() -> None:
    assert split_words(" red  mug, book , not yellow book,,") == (["red mug", "book"], ["yellow book"])
    assert split_words("notebook") == (["notebook"], [])


def test_a_file_without_photographs_knows_no_words() -> None:
    made, _ = scene()
    with pytest.raises(PromptError, match="open a run"):
        made.text("mug")


def test_gaussians_that_words_found_are_selected_as_a_step_that_can_be_undone() -> None:
    space, thing = workspace()
    space.select_gaussians(thing == 2)
    np.testing.assert_array_equal(space.members, thing == 2)
    space.select_gaussians(thing == 1, "add")
    assert space.count == 80
    space.undo()
    space.undo()
    assert space.count == 0


def test_what_is_found_but_hidden_is_told() -> None:
    space, thing = workspace()
    space.set_visible(2, False)
    with pytest.raises(PromptError, match="hidden"):
        space.select_gaussians(thing == 2)
    space.select_gaussians(thing >= 2)
    np.testing.assert_array_equal(space.members, thing == 3)
