"""Words on a run: described once, asked by text, grounded; refused where they mean nothing."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import tiny_language_models as tiny

from splatseg.cli.main import run
from splatseg.errors import NotFoundError, RunError, WeightsError
from splatseg.evaluate.truth import read_truth
from splatseg.jobs.words import describe_run
from splatseg.run.folder import open_run
from splatseg.scene.finding import find_described, find_grounded
from splatseg.segments.segments_json import read_segments
from splatseg.words.described import read_described
from splatseg.words.query import Scale

WORDS = ["red", "green", "blue", "dark", "bright", "grey"]


class Thumbnails:
    """An encoder that knows a thing by how a crop of it looks, small; and by "thing 7" the look of crop 7 it was shown.

    It answers from what is there, with noise: other words get directions of their own.
    """

    name = "thumbnails"

    def __init__(self) -> None:
        self.shown: list[np.ndarray] = []

    def images(self, pictures: Sequence[np.ndarray]) -> np.ndarray:
        rows = [self._look(picture) for picture in pictures]
        self.shown = rows
        return np.stack(rows)

    def texts(self, texts: Sequence[str]) -> np.ndarray:
        return np.stack([self._word(text) for text in texts])

    def _word(self, text: str) -> np.ndarray:
        *_, kind, last = text.split()
        if kind == "thing":
            return self._unit(self.shown[int(last)] + 0.02 * self._noise(text))
        return self._unit(self._noise(text))

    def _look(self, picture: np.ndarray) -> np.ndarray:
        rows = np.linspace(0, picture.shape[0] - 1, 6).astype(int)
        columns = np.linspace(0, picture.shape[1] - 1, 6).astype(int)
        return self._unit(picture[rows][:, columns].astype(np.float32).ravel() - 127.0)

    @staticmethod
    def _noise(text: str) -> np.ndarray:
        return np.random.default_rng(list(text.encode())).normal(size=108).astype(np.float32)

    @staticmethod
    def _unit(row: np.ndarray) -> np.ndarray:
        return (row / max(float(np.linalg.norm(row)), 1e-6)).astype(np.float32)


class FromTruth:
    """A grounder that answers with the true mask of an object, by its id as text, in all views but every third."""

    name = "truth"

    def __init__(self, folder: Path, views: Sequence) -> None:  # type: ignore[type-arg]
        truth = read_truth(folder, views)
        self._maps = {view.image().tobytes(): truth.label_maps[view.name] for view in views}
        self._asked = 0

    def ground(self, image: np.ndarray, text: str) -> tuple[np.ndarray, np.ndarray]:
        self._asked += 1
        mask = self._maps[image.tobytes()] == int(text)
        found = self._asked % 3 != 0 and mask.sum() > 20
        masks = mask[None] if found else np.zeros((0, *mask.shape), bool)
        return masks, np.ones(len(masks), np.float32)


@pytest.fixture
def own_run(small_run: Path, tmp_path: Path) -> Path:
    shutil.copytree(small_run, tmp_path / "run")
    return tmp_path / "run"


def test_a_described_segment_is_found_by_words_that_look_like_it(own_run: Path) -> None:
    opened, encoder = open_run(own_run), Thumbnails()
    assert "described" in describe_run(opened, encoder, WORDS)
    splats = opened.splats()
    assert splats.segment_ids is not None
    found = find_described(opened, splats, encoder, ["thing 0"])
    ids = np.unique(splats.segment_ids.numpy()[found.match.members])
    assert len(ids) >= 1 and found.facts[0].startswith("thing 0: ")


def test_words_that_mean_nothing_are_refused_with_the_nearest_names(own_run: Path) -> None:
    opened, encoder = open_run(own_run), Thumbnails()
    describe_run(opened, encoder, [f"word{number}" for number in range(60)])
    splats, messages = opened.splats(), []
    for number in range(20):
        try:
            find_described(opened, splats, encoder, [f"zeppelin{number}"])
        except NotFoundError as refusal:
            messages.append(str(refusal))
    assert len(messages) >= 17, "chance finds one in some tens"
    assert all("is not in this scene; the nearest are " in text and "segment " in text for text in messages)


def test_segments_get_the_names_that_fit_only_if_asked_and_not_over_names_of_a_person(own_run: Path) -> None:
    opened, encoder = open_run(own_run), Thumbnails()
    before = read_segments(opened.segments_path)
    rows = json.loads(opened.segments_path.read_text())
    rows[0]["name"] = "mine"
    opened.segments_path.write_text(json.dumps(rows))
    describe_run(opened, encoder, WORDS)
    assert [row.name for row in read_segments(opened.segments_path)] == ["mine", *[row.name for row in before[1:]]]
    describe_run(opened, encoder, WORDS, rename=True)
    renamed = [row.name for row in read_segments(opened.segments_path)]
    assert renamed[0] == "mine" and len(set(renamed)) == len(renamed)


def test_another_encoder_than_the_one_of_the_description_is_refused(own_run: Path) -> None:
    opened, encoder = open_run(own_run), Thumbnails()
    describe_run(opened, encoder, WORDS)
    encoder.name = "another"
    with pytest.raises(WeightsError, match="was made with thumbnails, not with another"):
        find_described(opened, opened.splats(), encoder, ["red"])


def test_segments_that_changed_since_are_told(own_run: Path) -> None:
    opened, encoder = open_run(own_run), Thumbnails()
    describe_run(opened, encoder, WORDS)
    splats = opened.splats()
    assert splats.segment_ids is not None
    shifted = splats.replace(segment_ids=splats.segment_ids.roll(1))
    with pytest.raises(RunError, match="have changed since"):
        find_described(opened, shifted, encoder, ["red"])


def test_a_described_segment_that_is_gone_is_not_found_and_breaks_nothing(own_run: Path) -> None:
    opened, encoder = open_run(own_run), Thumbnails()
    describe_run(opened, encoder, WORDS)
    splats = opened.splats()
    assert splats.segment_ids is not None
    last = int(splats.segment_ids.max())
    fewer = splats.replace(segment_ids=splats.segment_ids.where(splats.segment_ids < last, 0))
    for crop in range(0, len(encoder.shown), 5):
        try:
            found = find_described(opened, fewer, encoder, [f"thing {crop}"])
        except NotFoundError as refusal:
            assert f"(segment {last})" not in str(refusal)
        else:
            assert found.match.count > 0


def test_the_nearest_names_are_words_where_nobody_gave_a_name(own_run: Path) -> None:
    opened, encoder = open_run(own_run), Thumbnails()
    describe_run(opened, encoder, ["thing 0", *(f"word{number}" for number in range(60))])
    names = Scale(read_described(opened.words_path)).names()
    assert "thing 0" in names.values()
    found = find_described(opened, opened.splats(), encoder, ["thing 0"])
    assert found.facts[0].startswith("thing 0: thing 0 (segment ")


@pytest.mark.parametrize("given", [["--text", " "], ["--text", "mug", "--not-text", ""]])
def test_an_empty_text_is_refused_before_a_model_is_loaded(
    small_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], given: list[str]
) -> None:
    assert run(["select", str(small_run), *given, "--model", "/nowhere", "-o", str(tmp_path / "out")]) == 2
    assert "a text is empty or missing" in capsys.readouterr().err


def test_what_is_not_meant_in_words_is_refused_without_what_is(
    small_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["--not-text", "mug", "--view", "001.jpg", "--click", "40,30", "-o", str(tmp_path / "out")]
    assert run(["select", str(small_run), *arguments]) == 2
    assert "cannot be mixed" in capsys.readouterr().err


def test_a_thing_grounded_in_most_views_becomes_one_selection(own_run: Path) -> None:
    opened = open_run(own_run)
    views = opened.capture.split("train")
    grounder = FromTruth(Path(opened.settings.capture.path) / "gt" / "instance", views)
    largest = _largest_thing(Path(opened.settings.capture.path), views)
    found = find_grounded(opened, opened.splats(), grounder, [str(largest)])
    assert found.match.count > 20 and "support" in found.facts[0]


def test_words_that_are_grounded_nowhere_are_refused(own_run: Path) -> None:
    opened = open_run(own_run)
    grounder = FromTruth(Path(opened.settings.capture.path) / "gt" / "instance", opened.capture.split("train"))
    with pytest.raises(NotFoundError, match="agree on no object"):
        find_grounded(opened, opened.splats(), grounder, ["250"])


def test_the_commands_describe_and_select_and_say_with_their_exit_code_what_came_of_it(
    own_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    weights = tiny.tiny_clip(tmp_path / "clip")
    assert run(["words", str(own_run), "--model", str(weights)]) == 0
    assert (own_run / "words.safetensors").exists() and "described" in capsys.readouterr().out
    code = run(["select", str(own_run), "--text", "red mug", "-o", str(tmp_path / "out")])
    assert code in (0, 3)
    if code == 0:
        facts = json.loads((tmp_path / "out" / "selection.json").read_text())
        assert facts["text"] == ["red mug"] and facts["gaussians"] > 0
    else:
        assert "is not in this scene" in capsys.readouterr().err and not (tmp_path / "out").exists()


def test_words_without_a_model_are_told_what_they_need(
    small_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["select", str(small_run), "--text", "mug", "-o", str(tmp_path / "out")]) == 2
    assert "words need a model" in capsys.readouterr().err


def test_words_and_clicks_together_are_refused(
    small_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["--text", "mug", "--view", "001.jpg", "--click", "40,30", "-o", str(tmp_path / "out")]
    assert run(["select", str(small_run), *arguments]) == 2
    assert "cannot be mixed" in capsys.readouterr().err


def test_a_missing_word_list_is_told(small_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["words", str(small_run), "--model", "x", "--vocabulary", str(tmp_path / "none.txt")]
    assert run(arguments) == 2
    assert "cannot be read" in capsys.readouterr().err


def _largest_thing(capture: Path, views: Sequence) -> int:  # type: ignore[type-arg]
    truth = read_truth(capture / "gt" / "instance", views)
    totals = np.sum([np.bincount(labels.ravel(), minlength=64) for labels in truth.label_maps.values()], axis=0)
    for stuff in (0, *truth.stuff):
        totals[stuff] = 0
    return int(totals.argsort()[-3])
