"""What a run remembers of its segments."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from scenes import things

from splatseg.demo.demo import demo_capture
from splatseg.errors import RunError
from splatseg.run.create import create_run
from splatseg.run.settings import CaptureSettings, RunSettings
from splatseg.scene.earlier_segments import REMEMBERED, Earlier, earlier_segments, settled, write_earlier
from splatseg.segments.segment import Segment, describe_segments
from splatseg.segments.segments_json import read_segments, write_segments
from splatseg.splats.made_of import GEOMETRY, made_of
from splatseg.tensors import write_tensors


class Bench:
    """A run of three things that is segmented again and again, as `splatseg segment` does, by ids of our choice."""

    def __init__(self, folder: Path) -> None:
        self.run = create_run(folder / "run", RunSettings.of(CaptureSettings(str(demo_capture()))))
        self.splats, self.thing = things()

    def segment(self, ids: np.ndarray) -> np.ndarray:
        """Returns the ids (N,) that the segments get."""
        before = earlier_segments(self.run, self.splats)
        got, names, colors = settled(self.run, self.splats, ids.astype(np.int32), before)
        self.splats = self.splats.replace(segment_ids=torch.from_numpy(got))
        write_earlier(self.run.earlier_path, before.without(got))
        write_segments(self.run.segments_path, describe_segments(self.splats, names, colors=colors))
        return got

    @property
    def known(self) -> Earlier:
        return earlier_segments(self.run, self.splats)

    def table(self) -> dict[int, Segment]:
        return {row.id: row for row in read_segments(self.run.segments_path)}

    def edit(self, segment_id: int, **values: str) -> None:
        rows = json.loads(self.run.segments_path.read_text())
        for row in rows:
            row.update(values if row["id"] == segment_id else {})
        self.run.segments_path.write_text(json.dumps(rows))


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    """Segmented once, into its three things."""
    bench = Bench(tmp_path)
    assert np.array_equal(bench.segment(bench.thing), bench.thing)
    return bench


def test_segmenting_twice_alike_keeps_everything_to_the_byte(bench: Bench) -> None:
    before = bench.run.segments_path.read_bytes()
    shuffled = np.array([0, 2, 3, 1])[bench.thing]
    assert np.array_equal(bench.segment(shuffled), bench.thing)
    assert bench.run.segments_path.read_bytes() == before
    assert not bench.run.earlier_path.exists()


def test_names_and_colours_that_a_user_wrote_survive(bench: Bench) -> None:
    bench.edit(2, name="the mug", color="#123456")
    bench.segment(np.array([0, 3, 1, 2])[bench.thing])
    row = bench.table()[2]
    assert (row.name, row.color) == ("the mug", (0x12, 0x34, 0x56))


def test_what_was_joined_and_comes_back_has_its_name_and_colour_again(bench: Bench) -> None:
    bench.edit(3, name="spoon")
    before = bench.table()
    together = bench.segment(np.ones_like(bench.thing))
    assert set(together) == {4}, "three equal thirds are none of them mostly the whole"
    assert np.array_equal(bench.segment(bench.thing), bench.thing)
    assert bench.table() == before
    # And once more the whole, under the number it had.
    assert set(bench.segment(np.ones_like(bench.thing))) == {4}


def test_colours_that_only_follow_from_the_ids_give_way_to_chosen_ones(bench: Bench) -> None:
    chosen = {segment_id: row.color for segment_id, row in bench.table().items()}
    write_segments(bench.run.segments_path, describe_segments(bench.splats))
    bench.segment(bench.thing)
    assert {segment_id: row.color for segment_id, row in bench.table().items()} == chosen


def test_a_new_segment_takes_no_number_that_another_had(bench: Bench) -> None:
    rng = np.random.default_rng(0)
    given = {1, 2, 3}
    for _ in range(REMEMBERED + 3):
        ids = bench.segment(rng.integers(1, 8, len(bench.thing)))
        fresh = set(np.unique(ids).tolist()) - given
        assert all(number > max(given) for number in fresh)
        given |= fresh
    assert len(bench.known.labelings) == REMEMBERED + 1


def test_without_its_table_a_run_begins_anew(bench: Bench) -> None:
    bench.segment(np.ones_like(bench.thing))
    bench.run.segments_path.unlink()
    assert np.array_equal(bench.segment(bench.thing), bench.thing)
    assert not bench.run.earlier_path.exists()


def test_segmentations_of_another_splat_are_not_asked(bench: Bench) -> None:
    write_earlier(bench.run.earlier_path, Earlier((np.ones(5, np.int32),), {9: "ghost"}, {9: (1, 2, 3)}, 9))
    known = bench.known
    assert len(known.labelings) == 1 and known.highest == 9
    bench.segment(bench.thing)
    assert len(bench.known.labelings) == 1 and bench.known.names.keys() == {1, 2, 3}
    assert bench.known.highest == 9, "the ghost's number is not given again"


def test_what_is_remembered_survives_its_file_in_the_same_bytes(bench: Bench) -> None:
    earlier = Earlier((np.zeros(120, np.int32),), {7: "é"}, {7: (1, 2, 3)}, 70)
    write_earlier(bench.run.earlier_path, earlier)
    before = bench.run.earlier_path.read_bytes()
    known = bench.known
    assert known.names[7] == "é" and known.colors[7] == (1, 2, 3) and known.highest == 70
    write_earlier(bench.run.earlier_path, earlier)
    assert bench.run.earlier_path.read_bytes() == before


@pytest.mark.parametrize("content", [b"", b"nonsense" * 9, b"\x02\0\0\0\0\0\0\0{}"])
def test_a_damaged_memory_is_one_clear_sentence(bench: Bench, content: bytes) -> None:
    bench.run.earlier_path.write_bytes(content)
    with pytest.raises(RunError, match=r"earlier_segments\.safetensors cannot be read .*; delete it"):
        earlier_segments(bench.run, bench.splats)


FACTS = {"names": {"9": "ghost"}, "colors": {"9": [1, 2, 3]}, "highest": 9}


@pytest.mark.parametrize(
    ("facts", "said"),
    [
        ({**FACTS, "highest": float("inf")}, "highest is infinite"),
        ({**FACTS, "highest": -1}, "highest is -1"),
        ({**FACTS, "highest": "9"}, "highest is '9'"),
        ({**FACTS, "names": [1]}, "names is a list of 1"),
        ({**FACTS, "names": {"x": "ghost"}}, "the name 'x' is not an id"),
        ({**FACTS, "names": {"9": None}}, "names, 9 is null"),
        ({**FACTS, "colors": {"9": [1, 2]}}, "colors, 9 is a list of 2"),
        ({**FACTS, "colors": {"9": [1, 2, 300]}}, "colors, 9, item 3 is 300"),
        ({"names": {}, "colors": {}}, "it has no highest"),
    ],
)
def test_facts_that_are_none_are_told_with_their_field(tmp_path: Path, facts: dict[str, object], said: str) -> None:
    bench = Bench(tmp_path)
    bench.segment(bench.thing)
    write_tensors(bench.run.earlier_path, "splatseg earlier segments 1", {"ids": np.zeros((1, 5), np.int32)}, facts)
    with pytest.raises(RunError, match=rf"earlier_segments\.safetensors cannot be read \({said}.*delete it"):
        earlier_segments(bench.run, bench.splats)


@pytest.mark.parametrize("ids", [np.full((1, 5), -1, np.int32), np.zeros(5, np.int32), np.zeros((1, 5), np.float32)])
def test_ids_that_are_none_are_told(tmp_path: Path, ids: np.ndarray) -> None:
    bench = Bench(tmp_path)
    bench.segment(bench.thing)
    write_tensors(bench.run.earlier_path, "splatseg earlier segments 1", {"ids": ids}, FACTS)
    with pytest.raises(RunError, match="its ids are not lists of whole numbers from 0"):
        earlier_segments(bench.run, bench.splats)


def test_segments_of_the_gaussians_of_another_splat_are_forgotten_and_their_names_stay(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.segment(bench.thing)
    other = bench.splats.replace(means=bench.splats.means + 1)
    earlier = Earlier((np.ones(len(other), np.int32),), {9: "ghost"}, {}, 9)
    for splats, count in ((bench.splats, 2), (other, 1)):
        write_earlier(bench.run.earlier_path, earlier, made_of(splats, GEOMETRY))
        found = bench.known
        assert len(found.labelings) == count and found.names[9] == "ghost" and found.highest == 9
