"""Label maps that were compressed or smoothed: slivers of ids that nobody gave."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from splatseg.masks.formats.read import read_segments
from splatseg.masks.formats.slivers import without_slivers


def things() -> np.ndarray:
    labels = np.zeros((96, 128), dtype=np.uint8)
    rows, columns = np.ogrid[:96, :128]
    for number, (x, y) in enumerate([(25, 25), (90, 30), (35, 70), (100, 70)], start=1):
        labels[(columns - x) ** 2 + (rows - y) ** 2 < 18**2] = 50 * number
    return labels


def through_jpeg(labels: np.ndarray) -> np.ndarray:
    stream = io.BytesIO()
    Image.fromarray(labels).save(stream, "JPEG", quality=75)
    return np.asarray(Image.open(stream)).copy()


def test_ids_that_jpeg_mixed_are_counted_and_left() -> None:
    mixed = through_jpeg(things())
    found, slivers, ids = without_slivers(mixed)
    assert ids > 60 and slivers > 0.8 * ids
    assert found is mixed


def test_soft_edges_of_one_object_leave_one_object() -> None:
    soft = np.asarray(
        Image.fromarray((things() > 0).astype(np.uint8) * 255).resize((640, 480), Image.Resampling.BICUBIC)
    )
    mended, slivers, _ = without_slivers(soft)
    assert slivers and np.unique(mended).tolist() == [0, 255]


def test_a_sound_map_is_left_alone_even_with_many_small_things() -> None:
    few = things()
    assert without_slivers(few)[0] is few
    small = things().astype(np.int32)
    small[70:90, 60:80] = np.arange(1000, 1040).reshape(20, 2).repeat(10, axis=1)  # 40 slivers beside 5 solid ids
    solid = small.copy()
    for number in range(12):
        solid[:4, 8 * number : 8 * number + 6] = 3000 + number
    assert without_slivers(solid)[0] is solid
    specks = np.zeros((9, 9), dtype=np.int32)
    specks[::3, ::3] = 5
    assert without_slivers(specks)[1] == 0


def test_a_mixed_file_is_named_in_a_warning(tmp_path: Path) -> None:
    Image.fromarray(through_jpeg(things())).save(tmp_path / "012.png")
    with pytest.warns(UserWarning, match=r"of \d+ ids of the mask .*012\.png are slivers along edges.* will be wrong"):
        read_segments(tmp_path / "012.png")
    soft = Image.fromarray((things() > 0).astype(np.uint8) * 255).resize((640, 480), Image.Resampling.BICUBIC)
    (tmp_path / "soft").mkdir()
    for name in ("1.png", "2.png"):
        soft.save(tmp_path / "soft" / name)
    with pytest.warns(UserWarning, match=r"1\.png .* they are taken for the edge of one object") as told:
        counts = [read_segments(tmp_path / "soft" / name).count for name in ("1.png", "2.png")]
    assert counts == [1, 1] and len(told) == 1  # one sentence a folder
