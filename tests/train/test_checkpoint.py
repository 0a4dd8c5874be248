"""Checkpoints: whole or absent, the last two kept, damage told."""

from __future__ import annotations

import json

import pytest
import torch
from safetensors.torch import save_file

from splatseg.errors import RunError
from splatseg.train.checkpoint import Checkpoint, read_checkpoint, write_checkpoint


def checkpoint(step: int) -> Checkpoint:
    return Checkpoint(step, {"means": torch.full((3, 2), float(step)), "none": torch.zeros(3, 0)}, {"seed": 7})


def test_a_checkpoint_comes_back_as_it_was_written(tmp_path):
    write_checkpoint(tmp_path / "checkpoint", checkpoint(5))
    found = read_checkpoint(tmp_path / "checkpoint")
    assert found is not None and found.step == 5 and found.facts == {"seed": 7}
    assert torch.equal(found.tensors["means"], torch.full((3, 2), 5.0))
    assert found.tensors["none"].shape == (3, 0)


def test_the_last_two_are_kept_and_the_newest_is_read(tmp_path):
    for step in (900, 1000, 10_000):
        write_checkpoint(tmp_path, checkpoint(step))
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == [f"step_{step:08d}.{kind}" for step in (1000, 10_000) for kind in ("json", "safetensors")]
    found = read_checkpoint(tmp_path)
    assert found is not None and found.step == 10_000


def test_a_folder_without_checkpoints_has_none(tmp_path):
    assert read_checkpoint(tmp_path) is None
    assert read_checkpoint(tmp_path / "absent") is None


def test_a_damaged_newest_checkpoint_gives_way_to_the_one_before(tmp_path):
    write_checkpoint(tmp_path, checkpoint(1))
    path = write_checkpoint(tmp_path, checkpoint(2)).with_suffix(".safetensors")
    path.write_bytes(path.read_bytes()[:20])
    found = read_checkpoint(tmp_path)
    assert found is not None and found.step == 1


def test_tensors_without_their_json_are_a_checkpoint_that_never_finished(tmp_path):
    write_checkpoint(tmp_path, checkpoint(1)).unlink()
    assert read_checkpoint(tmp_path) is None


def test_when_none_can_be_read_the_error_says_so(tmp_path):
    write_checkpoint(tmp_path, checkpoint(1)).write_text("{not json")
    with pytest.raises(RunError, match=r"no checkpoint in .* can be read .*start the run over"):
        read_checkpoint(tmp_path)


def test_a_checkpoint_of_another_format_is_refused(tmp_path):
    path = write_checkpoint(tmp_path, checkpoint(1))
    path.write_text(json.dumps(json.loads(path.read_text()) | {"format": 99}))
    with pytest.raises(RunError, match="another version of splatseg"):
        read_checkpoint(tmp_path)


@pytest.mark.parametrize(
    "text",
    ['{"format": 1, "step": 1e999, "facts": {}}', '{"format": 1, "step": ' + "[" * 100_000, '{"format": 1}', "[]"],
)
def test_hostile_json_is_damage(tmp_path, text):
    write_checkpoint(tmp_path, checkpoint(1)).write_text(text)
    with pytest.raises(RunError, match=r"no checkpoint in .* can be read .*start the run over"):
        read_checkpoint(tmp_path)


def test_tensors_of_any_shape_and_stride_come_back(tmp_path):
    tensors = {"turned": torch.arange(6.0).reshape(2, 3).t(), "one": torch.tensor(3.0), "whole": torch.arange(3)}
    write_checkpoint(tmp_path, Checkpoint(1, tensors, {}))
    found = read_checkpoint(tmp_path)
    assert found is not None
    for name, tensor in tensors.items():
        assert torch.equal(found.tensors[name], tensor) and found.tensors[name].dtype == tensor.dtype


def test_reading_what_the_library_wrote_is_the_same(tmp_path):
    """As checkpoints were written before."""
    path = write_checkpoint(tmp_path, checkpoint(4)).with_suffix(".safetensors")
    before = path.read_bytes()
    save_file(checkpoint(4).tensors, path)
    assert path.read_bytes() == before
    found = read_checkpoint(tmp_path)
    assert found is not None and torch.equal(found.tensors["means"], torch.full((3, 2), 4.0))


@pytest.mark.parametrize(
    "text",
    [
        '{"format": 1, "step": 1e999, "facts": {}}',
        '{"format": 1, "step": NaN, "facts": {}}',
        '{"format": 1, "step": -1, "facts": {}}',
        '{"format": 1, "step": "5", "facts": {}}',
        '{"format": 1, "step": true, "facts": {}}',
        '{"format": 1, "step": 5, "facts": [1]}',
        '{"format": 1, "step": 5}',
        '{"format": 1, "step": 5, "facts": {}',
        '{"format": 1, "format": 1, "step": 5, "facts": {}}',
        "[1]",
        "[" * 100_000,
        "",
    ],
)
def test_a_head_that_is_none_is_told_with_its_file(tmp_path, text):
    path = write_checkpoint(tmp_path, checkpoint(5))
    path.write_text(text)
    with pytest.raises(RunError, match=r"no checkpoint in .* can be read \(.*step_00000005\..*\); start the run over"):
        read_checkpoint(tmp_path)


@pytest.mark.parametrize("number", ["3", "null", "[]", '"1"', "1e999"])
def test_a_head_of_another_format_is_told(tmp_path, number):
    path = write_checkpoint(tmp_path, checkpoint(5))
    path.write_text(f'{{"format": {number}, "step": 5, "facts": {{}}}}')
    with pytest.raises(RunError, match="was written by another version of splatseg"):
        read_checkpoint(tmp_path)
