"""Votes come back from disk as they were, or are refused with a sentence."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file
from scipy import sparse

from splatseg.errors import RunError
from splatseg.votes.file import read_votes, write_votes
from splatseg.votes.votes import Votes


def some_votes() -> Votes:
    rng = np.random.default_rng(0)
    dense = (rng.random((40, 6)) * (rng.random((40, 6)) < 0.3)).astype(np.float32)
    return Votes(
        sparse.csr_array(dense),
        np.array([0, 0, 1, 1, 1, 2], dtype=np.int32),
        np.array([1, 2, 1, 2, 3, 1], dtype=np.int32),
        np.arange(6, dtype=np.int64),
        dense.sum(1),
        ("a b.png", "c/d.png", "e.png"),
        np.array([0, 0, 0, 1, 1, 0], dtype=np.int32),
    )


def test_votes_survive_the_round_trip_exactly(tmp_path: Path):
    votes = some_votes()
    write_votes(tmp_path / "votes.safetensors", votes)
    back = read_votes(tmp_path / "votes.safetensors")
    np.testing.assert_array_equal(back.weights.toarray(), votes.weights.toarray())
    for name in ("view_of", "id_of", "areas", "seen", "layer_of"):
        np.testing.assert_array_equal(getattr(back, name), getattr(votes, name))
    assert back.views == votes.views


def sourced_votes() -> Votes:
    votes = some_votes()
    return dataclasses.replace(
        votes,
        source_of=np.array([0, 1, 0, 0, 1, 0], dtype=np.int32),
        weight_of=np.array([1, 3, 1, 1, 3, 2.5], dtype=np.float32),
        true_of=np.array([False] * 5 + [True]),
        visible=sparse.csr_array(votes.seen[:, None]),
    )


def test_sources_weights_and_true_masks_survive_the_round_trip(tmp_path: Path):
    votes = sourced_votes()
    write_votes(tmp_path / "votes.safetensors", votes)
    back = read_votes(tmp_path / "votes.safetensors")
    for name in ("source_of", "weight_of", "true_of"):
        np.testing.assert_array_equal(getattr(back, name), getattr(votes, name))
        assert getattr(back, name).dtype == getattr(votes, name).dtype
    np.testing.assert_array_equal(back.visible.toarray(), votes.visible.toarray())


def test_a_file_without_sources_has_one_of_weight_1(tmp_path: Path):
    write_votes(tmp_path / "votes.safetensors", some_votes())
    assert not {"source_of", "weight_of", "true_of"} & set(load_file(tmp_path / "votes.safetensors"))
    back = read_votes(tmp_path / "votes.safetensors")
    assert back.mask_weights.tolist() == [1.0] * 6 and back.witness_of.tolist() == [0, 0, 1, 1, 1, 2]
    assert back.true_of is None and back.visible is None


@pytest.mark.parametrize("weight", [0.0, -2.0, np.nan, np.inf])
def test_weights_that_cannot_be_are_refused(tmp_path: Path, weight: float):
    votes = sourced_votes()
    votes.weight_of[2] = weight
    write_votes(tmp_path / "votes.safetensors", votes)
    with pytest.raises(RunError, match="weight_of must hold numbers above 0"):
        read_votes(tmp_path / "votes.safetensors")


def test_a_file_cut_short_is_refused(tmp_path: Path):
    path = tmp_path / "votes.safetensors"
    write_votes(path, some_votes())
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(RunError, match=r"cannot be read.*run `splatseg segment` again"):
        read_votes(path)


def test_a_file_of_something_else_is_refused(tmp_path: Path):
    path = tmp_path / "votes.safetensors"
    save_file({"data": np.zeros(3)}, path)
    with pytest.raises(RunError, match="holds no votes"):
        read_votes(path)


def test_indices_that_point_outside_are_refused(tmp_path: Path):
    path = tmp_path / "votes.safetensors"
    votes = some_votes()
    votes.weights.indices[0] = 77
    write_votes(path, votes)
    with pytest.raises(RunError, match="cannot be read"):
        read_votes(path)


def test_any_reader_of_safetensors_reads_the_file(tmp_path: Path):
    votes = some_votes()
    write_votes(tmp_path / "votes.safetensors", votes)
    tensors = load_file(tmp_path / "votes.safetensors")
    np.testing.assert_array_equal(tensors["data"], votes.weights.data)
    np.testing.assert_array_equal(tensors["indptr"], votes.weights.indptr)
    kinds = {name: array.dtype.name for name, array in tensors.items()}
    assert kinds["data"] == kinds["seen"] == "float32" and kinds["indptr"] == kinds["areas"] == "int64"
    assert {kinds[name] for name in ("indices", "view_of", "id_of", "layer_of")} == {"int32"}


def test_columns_stay_32_bit_numbers_in_memory(tmp_path: Path):
    write_votes(tmp_path / "votes.safetensors", some_votes())
    assert read_votes(tmp_path / "votes.safetensors").weights.indices.dtype == np.int32


@pytest.mark.parametrize(
    "starts",
    [
        [0, 1_200_000_000, 2_500_000_000, 3_800_000_000, 4],  # ascends where its differences wrap at 32 bits
        [0, 2, 1, 3, 4],
        [1, 2, 3, 4, 4],
        [0, 1, 2, 3, 2**33],
        [0, -(2**40), 2, 3, 4],
    ],
)
def test_row_starts_that_do_not_ascend_are_refused_before_anything_follows_them(tmp_path: Path, starts: list[int]):
    path = tmp_path / "votes.safetensors"
    save_file(
        {
            "data": np.ones(4, np.float32),
            "indices": np.array([0, 1, 0, 1], np.int32),
            "indptr": np.array(starts, np.int64),
            "shape": np.array([4, 2]),
            "view_of": np.zeros(2, np.int32),
            "id_of": np.array([1, 2], np.int32),
            "layer_of": np.zeros(2, np.int32),
            "areas": np.ones(2, np.int64),
            "seen": np.ones(4, np.float32),
        },
        path,
        {"format": "splatseg votes 1", "views": '["a"]'},
    )
    with pytest.raises(RunError, match=r"row starts do not ascend.*run `splatseg segment` again"):
        read_votes(path)


def test_row_starts_of_another_type_are_refused(tmp_path: Path):
    path = tmp_path / "votes.safetensors"
    write_votes(path, some_votes())
    tensors = load_file(path) | {"indptr": np.zeros(41, np.float64)}
    save_file(tensors, path, {"format": "splatseg votes 1", "views": '["a b.png", "c/d.png", "e.png"]'})
    with pytest.raises(RunError, match="row starts are not a list"):
        read_votes(path)


@pytest.mark.parametrize(
    ("name", "value"), [("layer_of", 2**31 - 1), ("layer_of", -1), ("view_of", 3), ("view_of", -1)]
)
def test_views_and_layers_that_cannot_be_are_refused(tmp_path: Path, name: str, value: int):
    path = tmp_path / "votes.safetensors"
    votes = some_votes()
    getattr(votes, name)[-1] = value
    write_votes(path, votes)
    with pytest.raises(
        RunError, match=rf"cannot be read \({name} must hold whole numbers .*run `splatseg segment` again"
    ):
        read_votes(path)


def test_names_of_views_nested_too_deep_are_refused(tmp_path: Path):
    path = tmp_path / "votes.safetensors"
    write_votes(path, some_votes())
    save_file(load_file(path), path, {"format": "splatseg votes 1", "views": "[" * 100_000})
    with pytest.raises(RunError, match="run `splatseg segment` again"):
        read_votes(path)


@pytest.mark.parametrize("value", [np.nan, np.inf, -1.0])
@pytest.mark.parametrize("name", ["weights", "seen", "areas"])
def test_amounts_that_cannot_be_are_refused(tmp_path: Path, name: str, value: float):
    path = tmp_path / "votes.safetensors"
    votes = some_votes()
    if name == "areas":
        votes = dataclasses.replace(votes, areas=votes.areas.astype(np.float64))
    (votes.weights.data if name == "weights" else getattr(votes, name))[0] = value
    write_votes(path, votes)
    with pytest.raises(RunError, match=rf"{'data' if name == 'weights' else name} must hold numbers from 0"):
        read_votes(path)


def test_masks_out_of_the_order_of_their_views_or_sources_are_refused(tmp_path: Path):
    path = tmp_path / "votes.safetensors"
    votes = some_votes()
    write_votes(path, dataclasses.replace(votes, view_of=votes.view_of[::-1].copy()))
    with pytest.raises(RunError, match="not in the order of their views"):
        read_votes(path)
    sources = np.array([1, 0, 0, 0, 0, 0], np.int32)
    assert votes.view_of[0] == votes.view_of[1]
    write_votes(path, dataclasses.replace(votes, source_of=sources))
    with pytest.raises(RunError, match="not in the order of their sources"):
        read_votes(path)
