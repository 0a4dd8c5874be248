"""Superpixels and trees of a view on disk."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from splatseg.errors import MaskError
from splatseg.masks.propose.image.propose import propose_masks, propose_reduced
from splatseg.masks.propose.view_trees import ViewTrees, read_view_trees, rising_heights, write_view_trees
from splatseg.tensors import load_tensors, write_tensors


def trees() -> ViewTrees:
    labels = np.array([[0, 0, 1], [2, 1, 1]], np.int32)
    return ViewTrees(labels, np.array([[[0, 2], [1, 3]]], np.int32), np.array([[0.2, 0.7]], np.float32))


def same(a: ViewTrees, b: ViewTrees) -> bool:
    pairs = [(vars(a)[name], vars(b)[name]) for name in ("labels", "merges", "heights")]
    return all(np.array_equal(x, y) and x.dtype == y.dtype for x, y in pairs)


def test_what_is_written_is_read(tmp_path: Path) -> None:
    path = tmp_path / "trees" / "a.safetensors"
    write_view_trees(path, trees())
    assert same(read_view_trees(path), trees())


def test_a_large_number_of_superpixels_keeps_its_numbers(tmp_path: Path) -> None:
    count = 70_000
    merges = np.array([[0, 1], *([k, count + k - 2] for k in range(2, count))], np.int32)[None]
    many = ViewTrees(np.arange(count, dtype=np.int32)[None], merges, np.zeros((1, count - 1), np.float32))
    write_view_trees(tmp_path / "a.safetensors", many)
    assert same(read_view_trees(tmp_path / "a.safetensors"), many)


def test_heights_are_at_most_one_and_never_fall() -> None:
    merges = np.array([[0, 1], [2, 3], [4, 5]])
    np.testing.assert_allclose(rising_heights(merges, np.array([0.6, 1.4, 0.5])), [0.6, 1.0, 1.0])


@pytest.mark.parametrize(
    "changes, said",
    [
        ({"starts": np.array([0, 2, 3, 9], np.int32)}, "runs do not ascend within the image"),
        ({"starts": np.array([1, 2, 3, 4], np.int32)}, "runs do not ascend within the image"),
        ({"regions": np.array([0, 1, 2, 3], np.uint16)}, "superpixels that no tree has"),
        ({"size": np.array([-2, -3], np.int32)}, "not that of an image"),
        ({"size": np.array([2**30, 2**30], np.int32)}, "not that of an image"),
        ({"merges": np.array([[[0, 2], [1, 4]]], np.int32)}, "not of two earlier nodes"),
        ({"merges": np.array([[[0, 2], [0, 1]]], np.int32)}, "a node is merged twice"),
        ({"heights": np.array([[0.7, 0.2]], np.float32)}, "heights do not rise"),
        ({"heights": np.array([[0.2, np.nan]], np.float32)}, "heights are not in 0..1"),
        ({"heights": np.array([[0.2]], np.float32)}, "merges lack heights"),
    ],
)
def test_a_damaged_file_says_what_is_wrong_and_what_to_do(
    tmp_path: Path, changes: dict[str, np.ndarray], said: str
) -> None:
    path = tmp_path / "a.safetensors"
    write_view_trees(path, trees())
    write_tensors(path, "splatseg trees 1", load_tensors(path)[0] | changes)
    with pytest.raises(MaskError, match=f"{said}.*remove it"):
        read_view_trees(path)


def test_another_file_is_no_file_of_trees(tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    write_tensors(path, "splatseg votes 1", {"data": np.zeros(1)})
    with pytest.raises(MaskError, match="holds no trees of this version"):
        read_view_trees(path)


def test_trees_come_with_masks_on_a_surface_and_change_none(picture: np.ndarray) -> None:
    depth = np.where(np.arange(160) < 80, 1.0, 2.0).astype(np.float32)[None].repeat(96, axis=0)
    found = propose_reduced(picture, depth=depth)
    assert propose_reduced(picture).trees is None
    assert found.trees is not None and found.trees.labels.shape == picture.shape[:2]
    assert len(found.trees.merges) == 2 and (np.diff(found.trees.heights) <= 1).all()
    assert len(propose_masks(picture, depth=depth)[0]) == len(found)
