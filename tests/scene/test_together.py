"""Several splats in one scene: each keeps its segments, its place and its colours, and none of them is written to."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from scenes import colorful_splats

import splatseg
from splatseg.cameras.coordinates import Coordinates
from splatseg.errors import OutputError
from splatseg.formats.write import write_splats
from splatseg.segments.segment import described_as
from splatseg.splats.joined import joined, joined_ids
from splatseg.splats.splats import Splats


def part(count: int, degree: int, seed: int, ids: list[int] | None = None) -> Splats:
    splats = colorful_splats(count, degree=degree, seed=seed).plain()
    return splats if ids is None else splats.replace(segment_ids=torch.tensor(ids, dtype=torch.int32))


def test_what_is_joined_has_all_gaussians_with_the_harmonics_of_the_highest_degree() -> None:
    one, other = part(5, 1, 0), part(7, 3, 1)
    both = joined([one, other])
    assert len(both) == 12 and both.sh_degree == 3
    assert torch.equal(both.means, torch.cat([one.means, other.means]))
    assert torch.equal(both.shN[:5, :3], one.shN) and not both.shN[:5, 3:].any()
    assert torch.equal(both.shN[5:], other.shN)


def test_a_part_in_other_coordinates_comes_into_those_of_the_first() -> None:
    one = part(5, 0, 0)
    other = replace(part(4, 0, 1), coordinates=Coordinates((1.0, 2.0, 3.0), 2.0))
    both = joined([one, other])
    np.testing.assert_allclose(both.own_positions[5:], other.own_positions, rtol=1e-5)
    np.testing.assert_allclose(both.scales[5:].numpy(), 2.0 * other.scales.numpy(), rtol=1e-5)


def test_ids_of_several_parts_are_told_apart() -> None:
    ids, spans = joined_ids([part(4, 0, 0, [0, 2, 1, 2]), part(2, 0, 1), part(3, 0, 2, [1, 0, 1])])
    assert ids.tolist() == [0, 2, 1, 2, 3, 3, 4, 0, 4]
    assert spans == [(0, 2), (2, 3), (3, 4)]


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    room, chair = part(30, 0, 0, [0] * 10 + [1] * 10 + [2] * 10), part(8, 2, 1)
    rows = [row.renamed(name) for row, name in zip(described_as(room, ()), ("wall", "floor"), strict=True)]
    write_splats(tmp_path / "room.splat", room, rows)
    write_splats(tmp_path / "chair.ply", chair)
    return tmp_path / "room.splat", tmp_path / "chair.ply"


def test_a_file_without_segments_is_one_and_one_with_segments_keeps_them(files: tuple[Path, Path]) -> None:
    scene = splatseg.open(*files)
    assert scene.name == "room.splat + chair.ply"
    assert {row.name: row.count for row in scene.segments} == {
        "room.splat: wall": 10,
        "room.splat: floor": 10,
        "chair.ply": 8,
    }
    chair = scene.segment("chair.ply")
    assert chair.count == 8 and chair.members[-8:].all()


def test_no_file_that_is_seen_is_replaced(files: tuple[Path, Path]) -> None:
    scene = splatseg.open(*files)
    for path in files:
        with pytest.raises(OutputError):
            scene.export(path)
    assert scene.export(files[0].with_name("both.ply")).exists()
