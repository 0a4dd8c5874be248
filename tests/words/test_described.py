"""Descriptions on disk, and whether segments are still what was described."""

from pathlib import Path

import numpy as np
import pytest

from splatseg.errors import RunError
from splatseg.splats.made_of import recorded
from splatseg.tensors import load_tensors, write_tensors
from splatseg.words.crops import Crop
from splatseg.words.described import describe, marks_of, read_described, write_described

KNOWN = {"red": (255, 0, 0), "green": (0, 255, 0), "blue": (0, 0, 255)}


class Colors:
    """An encoder that knows colours: pictures by their mean without grey, words by name."""

    name = "colors"

    def images(self, pictures: list[np.ndarray]) -> np.ndarray:
        return self._unit([picture[(picture != 127).any(2)].mean(0) - 100.0 for picture in pictures])

    def texts(self, texts: list[str]) -> np.ndarray:
        words = [text.split()[-1] for text in texts]
        return self._unit([np.array(KNOWN.get(word, (1 + len(word), 7, 9))) - 100.0 for word in words])

    @staticmethod
    def _unit(rows: list[np.ndarray]) -> np.ndarray:
        stacked = np.array(rows, np.float32)
        return stacked / np.linalg.norm(stacked, axis=1, keepdims=True)


def _crop(color: tuple[int, int, int]) -> Crop:
    picture = np.full((8, 8, 3), color, np.uint8)
    return Crop(64, picture, picture)


def _described():  # type: ignore[no-untyped-def]
    crops = {4: [_crop((250, 0, 0)), _crop((240, 10, 0))], 2: [_crop((0, 0, 250))]}
    return describe(crops, np.array([4, 4, 2, 0, 2]), Colors(), ["red", "green", "blue"], "there")


def test_a_description_comes_back_as_it_was_written(tmp_path: Path) -> None:
    described = _described()
    write_described(tmp_path / "words.safetensors", described)
    again = read_described(tmp_path / "words.safetensors")
    for name in ("ids", "vectors", "marks", "word_vectors"):
        np.testing.assert_array_equal(getattr(again, name), getattr(described, name))
    assert (again.words, again.encoder, again.weights) == (("red", "green", "blue"), "colors", "there")


def test_a_segment_is_described_by_the_mean_of_its_crops() -> None:
    described = _described()
    assert described.ids.tolist() == [2, 4]
    likeness = described.vectors @ described.word_vectors.T
    assert likeness[0].argmax() == 2 and likeness[1].argmax() == 0


def test_segments_that_are_made_of_other_gaussians_have_changed() -> None:
    described = _described()
    assert described.changed(np.array([4, 4, 2, 0, 2])) == []
    assert described.changed(np.array([4, 4, 2, 2, 2])) == [2]
    assert described.changed(np.array([4, 4, 9, 0, 9])) == [2]


def test_segments_that_no_view_shows_have_not_changed() -> None:
    unseen = [11, 12, 13, 14, 15]
    crops = {4: [_crop((250, 0, 0))], 2: [_crop((0, 0, 250))]}
    ids = np.array([4, 4, 2, 0, 2, *unseen])
    assert describe(crops, ids, Colors(), ["red"]).changed(ids) == []


def test_the_mark_of_a_segment_says_which_gaussians_it_has_not_what_it_is_called() -> None:
    one, other = marks_of(np.array([1, 1, 0, 2])), marks_of(np.array([7, 7, 0, 1]))
    assert one[1] == other[7] and one[2] == other[1] and one[1] != one[2]


def test_a_run_without_description_is_told_how_to_get_one(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="run `splatseg words"):
        read_described(tmp_path / "words.safetensors")


def test_a_damaged_description_is_told(tmp_path: Path) -> None:
    path = tmp_path / "words.safetensors"
    write_described(path, _described())
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(RunError, match="damaged"):
        read_described(path)


@pytest.mark.parametrize(
    ("name", "value"),
    [("words", "true"), ("words", "[1, 2, 3]"), ("words", "[" * 100_000), ("words", '["red"]'), ("weights", None)],
)
def test_facts_that_are_none_are_told(tmp_path: Path, name: str, value: str | None) -> None:
    path = tmp_path / "words.safetensors"
    write_described(path, _described())
    tensors, facts = load_tensors(path)
    facts = {**facts, name: value} if value is not None else {key: facts[key] for key in facts if key != name}
    write_tensors(path, "splatseg words 1", tensors, {key: text for key, text in facts.items() if key != "format"})
    with pytest.raises(RunError, match=r"words\.safetensors is damaged \(.*splatseg words"):
        read_described(path)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_vectors_that_are_not_finite_are_told(tmp_path: Path, value: float) -> None:
    path = tmp_path / "words.safetensors"
    described = _described()
    described.vectors[0, 0] = value
    write_described(path, described)
    with pytest.raises(RunError, match="vectors does not hold finite numbers"):
        read_described(path)


def test_descriptions_carry_what_they_were_made_of(tmp_path: Path) -> None:
    write_described(tmp_path / "words.safetensors", _described(), {"geometry": "abc"})
    assert recorded(tmp_path / "words.safetensors") == {"geometry": "abc"}
    assert read_described(tmp_path / "words.safetensors").words == ("red", "green", "blue")
