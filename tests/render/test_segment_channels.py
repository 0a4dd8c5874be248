"""Segments that are apart in the picture share a channel, and nothing is lost by it."""

from __future__ import annotations

import numpy as np
import pytest
from scenes import camera

from splatseg.render import segment_channels as channels_module
from splatseg.render.segment_channels import pack_segments


@pytest.fixture(autouse=True)
def _packing_from_the_first_segment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(channels_module, "FEW", 0)
    monkeypatch.setattr(channels_module, "CELL", 4)


def at_pixels(pixels: list[tuple[float, float]]) -> np.ndarray:
    view = camera()
    return view.unproject(np.array(pixels, float), np.full(len(pixels), 2.0))


def pack(pixels: list[tuple[float, float]], radii: list[int], ids: list[int], seen: list[float] | None = None):
    weights = np.ones(len(ids)) if seen is None else np.array(seen)
    return pack_segments(camera(), at_pixels(pixels), np.array(radii), np.array(ids), weights)


def test_segments_that_are_apart_share_a_channel() -> None:
    packed = pack([(2, 2), (14, 10), (22, 2)], [1, 1, 1], [5, 9, 700])
    assert packed.count == 1
    chosen = np.zeros((16, 24), np.int64)
    ids = packed.ids(chosen)
    assert (ids[2, 2], ids[10, 14], ids[2, 22], ids[15, 0]) == (5, 9, 700, 0)


def test_segments_that_meet_in_a_cell_do_not() -> None:
    packed = pack([(9, 9), (10, 10)], [1, 1], [5, 9])
    assert packed.count == 2
    assert packed.channel_of[0] != packed.channel_of[1]


def test_a_gaussian_reaches_as_far_as_its_radius() -> None:
    assert pack([(2, 2), (20, 2)], [14, 4], [5, 9]).count == 2
    assert pack([(2, 2), (20, 12)], [3, 3], [5, 9]).count == 1


def test_all_gaussians_of_a_segment_are_in_one_channel() -> None:
    packed = pack([(2, 2), (20, 12), (3, 3)], [1, 1, 1], [5, 5, 9])
    assert packed.channel_of[0] == packed.channel_of[1] != packed.channel_of[2]


def test_the_heaviest_segment_comes_first() -> None:
    packed = pack([(9, 9), (10, 10)], [1, 1], [5, 9], [1.0, 3.0])
    assert packed.channel_of.tolist() == [1, 0]


def test_what_is_not_seen_or_has_no_segment_is_in_no_channel() -> None:
    packed = pack([(9, 9), (9, 9), (9, 9), (9, 9)], [1, 1, 0, 1], [0, 5, 6, 7], [1.0, 0.0, 1.0, 1.0])
    assert packed.channel_of.tolist() == [-1, -1, -1, 0]


def test_nothing_seen_needs_no_channel() -> None:
    assert pack([(9, 9)], [1], [0]).count == 0


def test_no_cell_ever_has_two_segments_in_one_channel() -> None:
    rng = np.random.default_rng(0)
    pixels = [tuple(pixel) for pixel in rng.uniform((-5, -5), (29, 21), (300, 2))]
    radii, ids = rng.integers(1, 4, 300), rng.integers(1, 60, 300)
    packed = pack(pixels, radii.tolist(), ids.tolist())
    assert 1 < packed.count < 60
    for (x, y), radius, segment, channel in zip(pixels, radii, ids, packed.channel_of, strict=True):
        box = np.clip(np.array([x - radius, x + radius, y - radius, y + radius]) // 4, 0, [5, 5, 3, 3]).astype(int)
        owners = packed.owners[channel, box[2] : box[3] + 1, box[0] : box[1] + 1]
        assert (owners == segment).all()
