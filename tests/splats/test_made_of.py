"""A file knows what it was made of, and a change of that is seen; edits of names are none."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from scenes import things

from splatseg.files import write_json, write_png
from splatseg.formats.ply.ply import read_ply, write_ply
from splatseg.splats.made_of import (
    FEATURES,
    GEOMETRY,
    SEGMENTS,
    as_fact,
    changed_parts,
    is_stale,
    made_of,
    recorded,
)
from splatseg.splats.splats import Splats, splats_of
from splatseg.tensors import write_tensors

PARTS = (GEOMETRY, FEATURES, SEGMENTS)


def carrying() -> Splats:
    splats, thing = things()
    features = torch.tensor(np.random.default_rng(0).normal(size=(len(splats), 8))).float()
    return splats.replace(features=features, segment_ids=torch.tensor(thing, dtype=torch.int32))


def test_the_same_splat_has_the_same_digests_after_its_way_over_the_disk(tmp_path: Path) -> None:
    splats = carrying()
    write_ply(tmp_path / "splats.ply", splats)
    assert made_of(splats_of(read_ply(tmp_path / "splats.ply")), *PARTS) == made_of(splats, *PARTS)


@pytest.mark.parametrize("name", ["means", "quats", "log_scales", "opacity_logits"])
def test_a_change_of_one_gaussian_is_another_geometry_and_nothing_else(name: str) -> None:
    splats = carrying()
    values = getattr(splats, name).clone()
    values[-1] += 1e-3
    assert changed_parts(made_of(splats, *PARTS), splats.replace(**{name: values})) == [GEOMETRY]


def test_other_segments_or_features_are_told_apart_and_colours_do_not_count() -> None:
    splats = carrying()
    digests = made_of(splats, *PARTS)
    assert changed_parts(digests, splats.replace(segment_ids=splats.segment_ids.flip(0))) == [SEGMENTS]
    assert changed_parts(digests, splats.replace(features=splats.features + 1)) == [FEATURES]
    assert changed_parts(digests, splats.replace(sh0=splats.sh0 + 1)) == []


def test_gaussians_in_another_order_are_another_geometry() -> None:
    splats = carrying()
    order = torch.arange(len(splats)).flip(0)
    assert changed_parts(made_of(splats, GEOMETRY), splats.subset(order)) == [GEOMETRY]


def test_a_part_that_a_splat_lacks_is_not_compared() -> None:
    splats = carrying()
    digests = made_of(splats, *PARTS)
    assert changed_parts(digests, splats.plain()) == [] and set(made_of(splats.plain(), *PARTS)) == {GEOMETRY}


def test_what_is_written_into_a_tensor_is_seen() -> None:
    splats = carrying()
    digests = made_of(splats, GEOMETRY)
    splats.means[0, 0] += 1.0
    assert changed_parts(digests, splats) == [GEOMETRY]


def files(folder: Path, digests: dict[str, str] | None) -> list[Path]:
    write_tensors(folder / "texts.safetensors", "splatseg x 1", {"ids": np.zeros(3, np.int32)}, as_fact(digests))
    write_tensors(folder / "a.safetensors", "splatseg x 1", {"ids": np.zeros(3, np.int32)}, {"n": 1} | as_fact(digests))
    write_json(folder / "a.json", {"x": 1} | ({} if digests is None else {"made_of": digests}))
    write_png(folder / "a.png", np.zeros((4, 4), np.uint16), as_fact(digests))
    text = json.dumps(digests).replace('"', "&quot;")
    page = "<html>" if digests is None else f'<html><meta name="splatseg-made_of" content="{text}">'
    (folder / "a.html").write_text(page)
    return sorted(folder.iterdir())


def test_every_kind_of_file_carries_them(tmp_path: Path) -> None:
    splats = carrying()
    other = splats.replace(means=splats.means + 1)
    for path in files(tmp_path, made_of(splats, GEOMETRY)):
        assert recorded(path) == made_of(splats, GEOMETRY), path
        assert not is_stale(path, splats) and is_stale(path, other), path


def test_files_of_earlier_versions_carry_none_and_are_taken_as_they_are(tmp_path: Path) -> None:
    for path in files(tmp_path, None):
        assert recorded(path) == {} and not is_stale(path, carrying()), path


@pytest.mark.parametrize("content", [b"", b"\xff" * 100, b"[" * 100_000, b'{"made_of": 5}', b'{"made_of": {"a": 1}}'])
@pytest.mark.parametrize("suffix", ["safetensors", "json", "png", "html"])
def test_a_file_that_cannot_be_read_carries_none(tmp_path: Path, content: bytes, suffix: str) -> None:
    (tmp_path / f"a.{suffix}").write_bytes(content)
    assert recorded(tmp_path / f"a.{suffix}") == {}
    assert recorded(tmp_path / "absent.json") == {}


def test_many_features_are_digested_by_a_share_of_their_rows() -> None:
    count = 200_000
    zeros = torch.zeros(count, 3)
    splats = Splats(
        zeros, torch.ones(count, 4), zeros, torch.zeros(count), zeros, torch.zeros(count, 0, 3), torch.zeros(count, 2)
    )
    digests = made_of(splats, FEATURES)
    assert changed_parts(digests, splats.replace(features=torch.full((count, 2), 1e-6))) == [FEATURES]
