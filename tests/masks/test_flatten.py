"""Masks as other programs want them: one label map a view, smaller on top, in their folders and widths."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from splatseg.errors import MaskError
from splatseg.masks import flatten
from splatseg.masks.flatten import flatten_masks
from splatseg.masks.formats.label_maps import read_label_map


def nested(path: Path) -> None:
    masks = np.zeros((3, 10, 12), bool)
    masks[0] = True
    masks[1, 2:8, 2:8] = True
    masks[2, 4:6, 4:6] = True
    path.parent.mkdir(parents=True, exist_ok=True)
    np.save(path, masks)


@pytest.mark.parametrize(
    ("layout", "folder", "mode"), [("cgc", "seg_masks", "I;16"), ("gaussian-grouping", "object_mask", "L")]
)
def test_the_smaller_mask_lies_on_top_in_the_programs_own_folder(
    tmp_path: Path, layout: flatten.Layout, folder: str, mode: str
) -> None:
    nested(tmp_path / "masks" / "left" / "a.b.npy")
    nested(tmp_path / "masks" / "c.npy")
    steps: list[tuple[int, int]] = []
    done = flatten_masks(tmp_path / "masks", tmp_path / "out", layout, lambda *step: steps.append(step))
    assert done == flatten.Flattened(tmp_path / "out" / folder, 2, 0) and steps == [(1, 2), (2, 2)]
    assert sorted(path.name for path in done.folder.iterdir()) == ["a.png", "c.png"]
    with Image.open(done.folder / "a.png") as image:
        assert image.mode == mode
    labels = read_label_map(done.folder / "a.png")
    assert (labels[0, 0], labels[2, 2], labels[4, 4]) == (1, 2, 3)


def test_eight_bits_hold_the_255_largest_segments(tmp_path: Path) -> None:
    labels = np.arange(1, 301, dtype=np.uint16).repeat(2).reshape(20, 30)
    labels[0, :2] = 0  # segment 1 is gone, and 299 are left
    labels[0, 2] = 3  # segment 2 has one pixel, segment 3 three
    (tmp_path / "masks").mkdir()
    Image.fromarray(labels).save(tmp_path / "masks" / "a.png")
    done = flatten_masks(tmp_path / "masks", tmp_path / "out", "gaussian-grouping")
    flat = read_label_map(done.folder / "a.png")
    assert done.clipped == 1 and flat.max() == 255 and len(np.unique(flat)) == 256
    assert flat[0, 3] == 0 and (flat == flat[0, 2]).sum() == 3, "the largest are kept"
    assert flatten_masks(tmp_path / "masks", tmp_path / "out", "cgc").clipped == 0


def test_views_that_would_share_a_name_are_told(tmp_path: Path) -> None:
    nested(tmp_path / "a.1.npy")
    nested(tmp_path / "a.2.npy")
    with pytest.raises(MaskError, match=r"'a\.1' and 'a\.2' would both be a\.png for cgc"):
        flatten_masks(tmp_path, tmp_path / "out", "cgc")
    assert not (tmp_path / "out").exists()


def test_a_view_without_segments_is_black(tmp_path: Path) -> None:
    Image.fromarray(np.zeros((4, 5), np.uint8)).save(tmp_path / "a.png")
    done = flatten_masks(tmp_path, tmp_path / "out", "cgc")
    assert not read_label_map(done.folder / "a.png").any()
