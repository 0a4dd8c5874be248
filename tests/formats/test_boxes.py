"""Boxes hold their segment, whichever way it lies, and a floater does not blow them up."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from scenes import colorful_splats, things

from splatseg.errors import RunError
from splatseg.formats.boxes import oriented_box, write_boxes
from splatseg.segments.segment import describe_segments


def turned_block(size: tuple[float, float, float], count: int = 5000) -> tuple[np.ndarray, np.ndarray]:
    """Points filling a block of this size with a centre and a rotation of its own, and that rotation (axes in rows)."""
    rng = np.random.default_rng(0)
    axes, _ = np.linalg.qr(rng.normal(size=(3, 3)))
    axes[2] = np.cross(axes[0], axes[1])
    return rng.uniform(-0.5, 0.5, (count, 3)) * size @ axes + (1.0, 2.0, 3.0), axes


def test_an_oriented_box_is_the_block_that_was_turned() -> None:
    points, axes = turned_block((4.0, 2.0, 1.0))
    points[0] = 1000.0  # a floater
    center, found, size = oriented_box(points)
    np.testing.assert_allclose(center, (1, 2, 3), atol=0.05)
    np.testing.assert_allclose(size, (4, 2, 1), rtol=0.05)
    np.testing.assert_allclose(np.abs((found * axes).sum(1)), 1, atol=0.01)
    assert np.linalg.det(found) == pytest.approx(1)


@pytest.mark.parametrize("count", [1, 2, 3])
def test_few_points_have_a_box(count: int) -> None:
    center, axes, size = oriented_box(np.arange(3.0 * count).reshape(count, 3))
    assert np.isfinite(center).all() and np.linalg.det(axes) == pytest.approx(1) and (size >= 0).all()


def test_the_file_has_a_box_a_segment_the_largest_first(tmp_path: Path) -> None:
    splats, thing = things()
    ids = torch.from_numpy(thing).int()
    ids[:10] = 0
    splats = splats.replace(segment_ids=ids)
    write_boxes(tmp_path / "a.json", splats, describe_segments(splats, {2: "mug"}, {3: 2}, {2: (255, 0, 0)}))
    written = json.loads((tmp_path / "a.json").read_text())
    assert [box["id"] for box in written["boxes"]] == [2, 3, 1]
    first = written["boxes"][0]
    assert (first["name"], first["color"], first["count"], first["parent"]) == ("mug", "#ff0000", 40, None)
    assert written["boxes"][1]["parent"] == 2
    np.testing.assert_allclose((np.array(first["low"]) + first["high"]) / 2, (0.7, 0, 0), atol=0.1)
    np.testing.assert_allclose(first["oriented"]["center"], (0.7, 0, 0), atol=0.1)
    np.testing.assert_allclose(first["oriented"]["size"], (0.6, 0.6, 0.6), atol=0.12)


def test_a_splat_without_segments_has_no_boxes(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="has no segments yet"):
        write_boxes(tmp_path / "a.json", colorful_splats().replace(segment_ids=None))
