"""Words that are asked of a scene."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from viewer_scenes import run, scene, workspace

from splatseg.errors import NotFoundError, PromptError, RunError
from splatseg.scene.finding import find_described, split_words
from splatseg.splats.made_of import GEOMETRY, made_of
from splatseg.words.crops import Crop
from splatseg.words.described import describe, write_described


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


class Encoder:
    """Knows that all is alike."""

    name = "alike"

    def images(self, pictures: list[np.ndarray]) -> np.ndarray:
        return np.full((len(pictures), 2), np.sqrt(0.5), np.float32)

    def texts(self, texts: list[str]) -> np.ndarray:
        return np.full((len(texts), 2), np.sqrt(0.5), np.float32)


def test_descriptions_of_the_gaussians_of_another_splat_are_not_used(tmp_path: Path) -> None:
    made, _ = run(tmp_path)
    splats = made.splats()
    picture = np.zeros((8, 8, 3), np.uint8)
    crops = {segment_id: [Crop(64, picture, picture)] for segment_id in (1, 2, 3)}
    described = describe(crops, splats.segment_ids.numpy(), Encoder(), ["mug", "book"], "there")
    write_described(made.words_path, described, made_of(splats, GEOMETRY))
    with pytest.raises(NotFoundError):  # the words are asked, and all segments are alike
        find_described(made, splats, Encoder(), ["mug"])
    other = splats.replace(means=splats.means + 1)
    with pytest.raises(RunError, match=r"3 of the 3 described segments of .* have changed since"):
        find_described(made, other, Encoder(), ["mug"])
