"""Which segments words mean, with vectors whose truth is known: a stand-in for an encoder, with noise."""

import numpy as np
import pytest

from splatseg.words.described import Described
from splatseg.words.query import Scale

WORDS = 300
DIMENSIONS = 256


def _unit(rows: np.ndarray) -> np.ndarray:
    return rows / np.linalg.norm(rows, axis=-1, keepdims=True)


class StandIn:
    """Texts share a direction of their own, pictures another, as in CLIP; the rest of a picture is what it shows."""

    def __init__(self, segments: int, seed: int = 0, signal: float = 0.5) -> None:
        rng = np.random.default_rng(seed)
        self._rng = rng
        own = rng.normal(size=(WORDS + 50, DIMENSIONS)) / np.sqrt(DIMENSIONS)
        texts, pictures = _unit(rng.normal(size=(2, DIMENSIONS)))
        self.vectors = _unit(1.3 * texts + own)
        self.truth = rng.choice(WORDS + 50, segments, replace=False)
        noise = rng.normal(size=(segments, DIMENSIONS)) / np.sqrt(DIMENSIONS)
        shown = _unit(1.3 * pictures + signal * own[self.truth] + noise)
        self.described = Described(
            ids=np.arange(1, segments + 1, dtype=np.int32) * 3,
            vectors=shown.astype(np.float32),
            marks=np.zeros(segments, np.int64),
            words=tuple(f"word {number}" for number in range(WORDS)),
            word_vectors=self.vectors[:WORDS].astype(np.float32),
            encoder="stand-in",
            weights="",
        )

    def paraphrase(self, word: int) -> np.ndarray:
        noise = 0.2 * self._rng.normal(size=DIMENSIONS) / np.sqrt(DIMENSIONS)
        return _unit(self.vectors[word] + noise).astype(np.float32)

    def id_of(self, word: int) -> int:
        return int(self.described.ids[np.flatnonzero(self.truth == word)[0]])

    @property
    def absent(self) -> np.ndarray:
        return np.setdiff1d(np.arange(WORDS + 50), self.truth)


@pytest.mark.parametrize("segments", [1, 3, 20, 150])
def test_words_for_a_thing_that_is_there_find_it(segments: int) -> None:
    scene = StandIn(segments)
    scale = Scale(scene.described)
    for word in scene.truth[:20]:
        assert scale.answer(scene.paraphrase(word)).meant[:1] == (scene.id_of(word),)


@pytest.mark.parametrize("segments", [1, 3, 20, 150])
def test_words_for_a_thing_that_is_not_there_find_nothing(segments: int) -> None:
    scene = StandIn(segments)
    scale = Scale(scene.described)
    wrong = [word for word in scene.absent[:100] if scale.answer(scene.paraphrase(word)).meant]
    assert len(wrong) <= 3, "more than chance"


def test_several_segments_of_one_kind_are_all_meant() -> None:
    scene = StandIn(12)
    scene.described.vectors[5] = _unit(scene.described.vectors[4] + 0.1 * scene.described.vectors[5])
    answer = Scale(scene.described).answer(scene.paraphrase(scene.truth[4]))
    assert set(answer.meant) == {int(scene.described.ids[4]), int(scene.described.ids[5])}


def test_what_is_said_not_to_be_meant_is_left_out() -> None:
    scene = StandIn(12)
    scale = Scale(scene.described)
    query = scene.paraphrase(scene.truth[4])
    answer = scale.answer(query, unlike=[scene.vectors[scene.truth[4]].astype(np.float32) * 2.0])
    assert answer.meant == ()
    assert scale.answer(query, unlike=[scene.paraphrase(scene.truth[7])]).meant == scale.answer(query).meant


def test_the_scale_of_a_model_does_not_matter() -> None:
    scene = StandIn(20)
    query = scene.paraphrase(scene.truth[3])
    plain = Scale(scene.described).answer(query)
    # A direction that all pictures share moves every likeness to every text alike.
    gap = np.zeros((1, DIMENSIONS), np.float32)
    gap[0] = scene.vectors.mean(0) * 0.3
    object.__setattr__(scene.described, "vectors", scene.described.vectors + gap)
    moved = Scale(scene.described).answer(query)
    assert moved.meant == plain.meant
    np.testing.assert_allclose(moved.scores, plain.scores, atol=0.2)


def test_every_segment_whose_word_is_in_the_list_gets_it_as_its_name() -> None:
    scene = StandIn(30)
    names = Scale(scene.described).names()
    for row, word in enumerate(scene.truth):
        name = names.get(int(scene.described.ids[row]))
        assert (name == f"word {word}") if word < WORDS else (name is None or name.startswith("word"))
    assert sum(name is not None for name in names.values()) >= (scene.truth < WORDS).sum()


def test_the_nearest_segments_are_told_even_if_none_is_meant() -> None:
    scene = StandIn(6)
    assert len(Scale(scene.described).answer(scene.paraphrase(scene.absent[0])).nearest(3)) == 3
