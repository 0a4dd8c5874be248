"""The protocol prompts, counts and scores exactly as its five sentences say."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytest

from splatseg.errors import PromptError
from splatseg.evaluate.protocols.prompted import ProtocolSettings, prompts_of, run_protocol, score_object
from splatseg.evaluate.truth import Truth

TRAIN, TEST = ["a", "b", "c"], ["t0", "t1", "t2"]


def labels(**areas: int) -> np.ndarray:
    """A label map with `areas` pixels of each id (i1=300: 300 pixels of id 1), in whole rows of 100."""
    flat = np.zeros(5000, np.int32)
    start = 0
    for name, area in areas.items():
        flat[start : start + area] = int(name[1:])
        start += area
    return flat.reshape(50, 100)


def scene(**changes: np.ndarray) -> Truth:
    maps = {"a": labels(i1=590), "b": labels(i1=610), "c": labels(i1=1000)}
    maps |= {"t0": labels(i1=100), "t1": labels(i1=99), "t2": labels(i1=500)}
    return Truth(maps | changes)


def perfect(truth: Truth, object_id: int) -> dict[str, np.ndarray]:
    return {name: truth.label_maps[name] == object_id for name in TEST}


def test_the_prompt_view_is_the_first_with_60_percent_of_the_most_in_training() -> None:
    (prompt,) = prompts_of(scene(t2=labels(i1=5000)), TRAIN, TEST)
    assert prompt.view == "b" and prompt.area == 610
    (prompt,) = prompts_of(scene(a=labels(i1=600)), TRAIN, TEST)
    assert prompt.view == "a"


def test_scored_are_the_test_views_with_100_pixels_or_more() -> None:
    (prompt,) = prompts_of(scene(), TRAIN, TEST)
    assert prompt.test_views == ("t0", "t2")


@pytest.mark.parametrize(
    "changes",
    [
        {"t0": labels(i1=99)},  # one test view is not enough
        {"a": labels(), "b": labels(), "c": labels(i1=299)},  # too small where it is prompted
        {"a": labels(), "b": labels(), "c": labels()},  # never seen in training
    ],
)
def test_an_object_too_small_or_too_rarely_seen_does_not_count(changes: dict[str, np.ndarray]) -> None:
    assert prompts_of(scene(**changes), TRAIN, TEST) == []


def test_a_missing_mask_scores_zero_in_its_view() -> None:
    truth = scene()
    (prompt,) = prompts_of(truth, TRAIN, TEST)
    masks = perfect(truth, 1)
    assert score_object(truth, prompt, masks).iou == 1
    del masks["t2"]
    assert score_object(truth, prompt, masks).iou == score_object(truth, prompt, masks).boundary_iou == 0.5
    assert score_object(truth, prompt, {}).iou == 0


def test_unknown_pixels_count_neither_way() -> None:
    known = scene(t0=labels(i1=100, i9=400))
    truth = Truth(known.label_maps, unknown=9)
    (prompt,) = prompts_of(truth, TRAIN, TEST)
    masks = perfect(truth, 1)
    masks["t0"] = truth.label_maps["t0"] > 0
    assert score_object(truth, prompt, masks).iou == 1


def test_things_are_averaged_and_stuff_stands_apart() -> None:
    both = {name: np.where(m == 0, 2, m) for name, m in scene().label_maps.items()}
    truth = Truth(both, names={1: "mug", 2: "floor"}, stuff=frozenset({2}))
    asked = []

    def select(view: str, mask: np.ndarray) -> Mapping[str, np.ndarray]:
        asked.append((view, int(mask.sum())))
        return perfect(truth, 1)

    result = run_protocol(truth, TRAIN, TEST, select)
    assert asked == [("b", 610), ("a", 4410)]
    assert [score.name for score in result.things] == ["mug"] and [score.name for score in result.stuff] == ["floor"]
    assert result.miou == result.mbiou == 1 and result.stuff[0].iou == 0
    as_json = result.to_json()
    assert as_json["miou"] == 1 and as_json["things"][0]["prompt_view"] == "b"
    assert [view["view"] for view in as_json["things"][0]["views"]] == ["t0", "t2"]


def test_a_prompt_that_selects_nothing_scores_zero_and_the_rest_goes_on() -> None:
    def select(view: str, mask: np.ndarray) -> Mapping[str, np.ndarray]:
        raise PromptError("nothing was selected")

    assert run_protocol(scene(), TRAIN, TEST, select).miou == 0


def test_without_objects_there_is_no_mean() -> None:
    result = run_protocol(Truth({name: labels() for name in TRAIN + TEST}), TRAIN, TEST, lambda view, mask: {})
    assert result.miou is None and result.mbiou is None and result.things == ()


def test_the_thresholds_can_be_set() -> None:
    settings = ProtocolSettings(prompt_share=1.0, test_area=99, test_views=3)
    (prompt,) = prompts_of(scene(), TRAIN, TEST, settings)
    assert prompt.view == "c" and prompt.test_views == ("t0", "t1", "t2")
