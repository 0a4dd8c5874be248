"""Streamed SOG: what we write and what its own program writes is read at the finest level, damage is one sentence."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from node_tools import splat_transform
from scenes import assert_alike, colorful_splats

from splatseg.errors import SplatFileError
from splatseg.formats.morton import morton_order
from splatseg.formats.parts import streamed_sog_writing
from splatseg.formats.parts.opening import open_blocks
from splatseg.formats.parts.streamed_sog_writing import extents, write_streamed_sog
from splatseg.formats.ply.ply import write_ply
from splatseg.formats.read import find_splat, load_splats
from splatseg.formats.sog import sog_members
from splatseg.jobs.info import describe
from splatseg.splats.splats import Splats


def in_order(degree: int = 0) -> Splats:
    splats = colorful_splats(degree=degree)
    return splats.subset(morton_order(splats.positions))


def chunks_of(splats: Splats, rows: int) -> list[Splats]:
    return [splats.subset(np.arange(begin, min(begin + rows, len(splats)))) for begin in range(0, len(splats), rows)]


@pytest.fixture
def written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A streamed SOG of 300 Gaussians in three chunks, with leaves of 40."""
    monkeypatch.setattr(streamed_sog_writing, "ROWS_A_LEAF", 40)
    assert write_streamed_sog(tmp_path / "scene", chunks_of(in_order(), 120)) == 300
    return tmp_path / "scene" / "lod-meta.json"


def leaves(node: dict[str, Any]) -> list[dict[str, Any]]:
    return [leaf for child in node["children"] for leaf in leaves(child)] if "children" in node else [node]


def test_the_index_covers_all_chunks_once_and_its_boxes_hold_their_gaussians(written: Path) -> None:
    index = json.loads(written.read_text())
    assert (index["version"], index["count"], index["counts"], index["lodLevels"]) == (1, 300, [300], 1)
    assert index["filenames"] == ["0_0/meta.json", "0_1/meta.json", "0_2/meta.json"]
    runs = [leaf["lods"]["0"] for leaf in leaves(index["tree"])]
    assert [(run["file"], run["offset"], run["count"]) for run in runs] == [
        *((0, 0, 40), (0, 40, 40), (0, 80, 40)),
        *((1, 0, 40), (1, 40, 40), (1, 80, 40)),
        *((2, 0, 40), (2, 40, 20)),
    ]
    splats, reach = in_order(), 3 * extents(in_order())
    begin = 0
    for leaf in leaves(index["tree"]):
        rows = slice(begin, begin + leaf["lods"]["0"]["count"])
        begin = rows.stop
        for bound, corner in (
            ("min", (splats.positions - reach)[rows].min(0)),
            ("max", (splats.positions + reach)[rows].max(0)),
        ):
            np.testing.assert_allclose(leaf["bound"][bound], corner, rtol=1e-6)
    low = np.array([leaf["bound"]["min"] for leaf in leaves(index["tree"])]).min(0)
    np.testing.assert_array_equal(index["tree"]["bound"]["min"], low)


def test_the_extent_of_a_gaussian_is_that_of_its_samples() -> None:
    splats = colorful_splats().subset(np.arange(3))
    noise = torch.randn(200_000, 3, generator=torch.Generator().manual_seed(0))
    for row in range(3):
        w, x, y, z = torch.nn.functional.normalize(splats.quats[row], dim=0).tolist()
        vector, points = torch.tensor([x, y, z]), noise * splats.scales[row]
        turned = torch.linalg.cross(vector.expand_as(points), points)
        turned = points + 2 * (w * turned + torch.linalg.cross(vector.expand_as(points), turned))
        np.testing.assert_allclose(turned.std(0).numpy(), extents(splats)[row], rtol=0.01)


@pytest.mark.parametrize("degree", [0, 2])
def test_what_is_written_is_read_in_blocks_of_chunks(tmp_path: Path, degree: int) -> None:
    pytest.importorskip("gaussforge")
    write_streamed_sog(tmp_path, chunks_of(in_order(degree), 120))
    blocks = open_blocks(tmp_path)
    assert blocks.borders.tolist() == [0, 120, 240, 300]
    assert_alike(blocks.rows(0, 300), in_order(degree), means=1e-3, harmonics=0.01 if degree else None, scale=0.02)
    assert find_splat(tmp_path) == tmp_path / "lod-meta.json"
    assert torch.equal(load_splats(tmp_path)[0].means[100:140], blocks.rows(100, 140).means)
    facts = describe(tmp_path)
    assert facts["kind"] == "splat (streamed SOG, 3 chunks of the finest level)" and facts["Gaussians"] == "300"


def test_coarser_levels_are_left_out_and_the_environment_is_not(written: Path) -> None:
    pytest.importorskip("gaussforge")
    index = json.loads(written.read_text())
    for folder, rows in (("1_0", 30), ("env", 20)):
        (written.parent / folder).mkdir()
        for name, content in sog_members(in_order().subset(np.arange(rows))).items():
            (written.parent / folder / name).write_bytes(content)
    index["filenames"].append("1_0/meta.json")
    for leaf in leaves(index["tree"]):
        leaf["lods"]["1"] = {"file": 3, "offset": 0, "count": 30}
    index |= {"lodLevels": 2, "environment": "env/meta.json"}
    written.write_text(json.dumps(index))
    assert len(load_splats(written)[0]) == 320


def test_what_splat_transform_writes_is_read(tmp_path: Path) -> None:
    pytest.importorskip("gaussforge")
    splats = in_order(1)
    write_ply(tmp_path / "a.ply", splats)
    splat_transform(tmp_path / "a.ply", tmp_path / "scene" / "lod-meta.json", "-l", "0")
    found, _ = load_splats(tmp_path / "scene")
    order = morton_order(found.positions)
    assert len(found) == 300
    assert found.sh_degree == 1  # of a palette of its own, which is coarse for so few
    found, splats = (one.replace(shN=one.shN[:, :0]) for one in (found, splats))
    assert_alike(found.subset(order), splats, means=1e-2, harmonics=None, scale=0.05)


def damaged(path: Path, change: Callable[[dict[str, Any]], Any]) -> None:
    index = json.loads(path.read_text())
    change(index)
    path.write_text(json.dumps(index))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda index: index.update(version=2), "of version 2 of streamed SOG, and 1 is read"),
        (lambda index: index.pop("tree"), "is no index of a streamed SOG .it has no tree"),
        (lambda index: index.update(filenames=3), "filenames is 3; a list is expected"),
        (lambda index: index.update(filenames=["a/meta.json"]), "file is [12]; a whole number from 0 to 0 is expected"),
        (lambda index: index["filenames"].__setitem__(1, "../x/meta.json"), "which is no meta.json in a folder below"),
        (lambda index: index["filenames"].__setitem__(1, "/etc/meta.json"), "which is no meta.json in a folder below"),
        (lambda index: index["filenames"].__setitem__(1, "0_1/secret"), "which is no meta.json in a folder below"),
        (
            lambda index: index["filenames"].__setitem__(1, "0_9/meta.json"),
            "the chunk 0_9/meta.json .* is missing; copy",
        ),
        (lambda index: index["filenames"].__setitem__(1, "x" * 999 + "/meta.json"), "the chunk x+… that .* is missing"),
        (lambda index: index.update(tree={"bound": {}}), "lists no chunk of the finest level"),
        (
            lambda index: index.update(tree={"lods": {"0": {"file": 0}, "1": {"file": 0}}}),
            "Gaussians of several levels",
        ),
        (lambda index: index.update(environment=[1]), "environment is a list of 1; text is expected"),
    ],
)
def test_a_damaged_index_is_one_sentence(written: Path, change: Callable[[dict[str, Any]], Any], said: str) -> None:
    damaged(written, change)
    with pytest.raises(SplatFileError, match=said):
        open_blocks(written.parent)


def test_a_tree_without_end_and_a_link_out_are_refused(written: Path, tmp_path: Path) -> None:
    def deepen(index: dict[str, Any]) -> None:
        for _ in range(70):
            index["tree"] = {"children": [index["tree"]]}

    text = written.read_text()
    damaged(written, deepen)
    with pytest.raises(SplatFileError, match="its tree is deeper than 64 levels"):
        open_blocks(written)
    written.write_text(text)
    (written.parent / "0_1").rename(tmp_path / "elsewhere")
    (written.parent / "0_1").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(SplatFileError, match=r"0_1/meta\.json that .* names is a link out of its folder"):
        open_blocks(written)
