"""Folders that hold a splat: as training programs leave them, and formats of several files."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest
import torch

from splatseg.errors import CaptureError, RunError, SplatFileError
from splatseg.formats.ply.ply import write_ply
from splatseg.formats.read import find_splat, holds_splat, load_splats
from splatseg.formats.sog import write_sog
from splatseg.jobs.export import open_source
from splatseg.jobs.info import describe
from splatseg.scene.opening import open as open_any
from splatseg.splats.splats import Splats


def some_splats(count: int = 10) -> Splats:
    generator = torch.Generator().manual_seed(0)

    def tensor(*shape: int) -> torch.Tensor:
        return torch.rand(*shape, generator=generator)

    return Splats(
        tensor(count, 3), tensor(count, 4), -tensor(count, 3), tensor(count), tensor(count, 3), tensor(count, 0, 3)
    )


def inria_folder(folder: Path, *iterations: int) -> Path:
    for iteration in iterations:
        write_ply(folder / "point_cloud" / f"iteration_{iteration}" / "point_cloud.ply", some_splats(iteration))
    (folder / "input.ply").write_text("ply of points")
    (folder / "cameras.json").write_text("[]")
    (folder / "cfg_args").write_text("Namespace(sh_degree=3)")
    return folder


def test_of_the_original_codes_folder_the_highest_iteration_is_taken_and_told(tmp_path: Path) -> None:
    folder = inria_folder(tmp_path / "model", 7, 30, 9)
    with pytest.warns(UserWarning, match=r"holds 3 splats; the last one is taken, point_cloud/iteration_30/point_"):
        assert len(load_splats(folder)[0]) == 30
    assert len(load_splats(folder / "point_cloud")[0]) == 30
    assert len(load_splats(folder / "point_cloud" / "iteration_9")[0]) == 9


def test_info_view_and_export_take_the_same_folder(tmp_path: Path) -> None:
    folder = inria_folder(tmp_path / "model", 12)
    facts = describe(folder)
    assert facts["Gaussians"] == "12" and facts["file"].endswith("iteration_12/point_cloud.ply")
    assert len(open_any(folder).splats) == 12
    source = open_source(folder)
    assert len(source.splats) == 12 and source.owns(folder / "point_cloud" / "iteration_12" / "point_cloud.ply")


@pytest.mark.parametrize(
    ("files", "taken"),
    [
        (["ply/point_cloud_6999.ply", "ply/point_cloud_29999.ply"], "ply/point_cloud_29999.ply"),
        (["export_5000.ply", "export_30000.ply"], "export_30000.ply"),
        (["splat.ply"], "splat.ply"),
        (["scan.splat", "input.ply"], "scan.splat"),
    ],
)
@pytest.mark.filterwarnings("ignore:.*holds 2 splats")
def test_folders_of_other_programs_are_searched(tmp_path: Path, files: list[str], taken: str) -> None:
    for name in files:
        write_ply(tmp_path / name, some_splats())
    assert find_splat(tmp_path) == tmp_path / taken and holds_splat(tmp_path)


def test_several_splats_without_a_number_are_refused(tmp_path: Path) -> None:
    for name in ("mug.ply", "table.ply"):
        write_ply(tmp_path / name, some_splats())
    with pytest.raises(SplatFileError, match=r"holds several splats \(mug\.ply, table\.ply\); give the file of one"):
        load_splats(tmp_path)


def test_a_folder_of_nerfstudios_training_names_the_command_that_exports(tmp_path: Path) -> None:
    (tmp_path / "nerfstudio_models").mkdir()
    (tmp_path / "nerfstudio_models" / "step-000029999.ckpt").write_bytes(b"x")
    (tmp_path / "config.yml").write_text("!!python/object:nerfstudio")
    with pytest.raises(SplatFileError, match=r"run `ns-export gaussian-splat --load-config .*config\.yml"):
        load_splats(tmp_path)
    for name in ("config.yml", "nerfstudio_models/step-000029999.ckpt"):
        with pytest.raises(SplatFileError, match="ns-export gaussian-splat"):
            load_splats(tmp_path / name)


def test_folders_without_a_splat_keep_their_own_errors(tmp_path: Path) -> None:
    with pytest.raises(RunError):
        open_any(tmp_path)
    with pytest.raises(CaptureError, match="is not a capture"):
        describe(tmp_path)


def test_a_sog_that_is_not_packed_is_read_as_the_packed_one(tmp_path: Path) -> None:
    pytest.importorskip("gaussforge")
    write_sog(tmp_path / "a.sog", some_splats())
    folder = tmp_path / "unpacked"
    with zipfile.ZipFile(tmp_path / "a.sog") as archive:
        archive.extractall(folder)
    packed = load_splats(tmp_path / "a.sog")[0]
    for path in (folder, folder / "meta.json"):
        found = load_splats(path)[0]
        for field in ("means", "quats", "log_scales", "opacity_logits", "sh0"):
            assert torch.equal(getattr(packed, field), getattr(found, field)), field
    assert describe(folder)["kind"] == "splat (SOG, not packed)" and describe(folder)["size"] != "0.0 MB"
    (folder / "quats.webp").unlink()
    with pytest.raises(SplatFileError, match=r"1 of 5 pictures that .* names are absent \(quats\.webp\)"):
        load_splats(folder)


@pytest.mark.parametrize("content", ["{}", "[]", "{", '{"means": {"files": ["../a.webp"]}}', '{"means": {"files": 3}}'])
def test_a_json_that_is_no_sog_is_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / "meta.json").write_text(content)
    with pytest.raises(SplatFileError):
        load_splats(tmp_path / "meta.json")
    with pytest.raises(SplatFileError, match="a folder without a splat"):
        load_splats(tmp_path)


@pytest.mark.parametrize("version", ["", '"version": 1, '])
def test_a_sog_before_version_2_says_how_to_convert_it(tmp_path: Path, version: str) -> None:
    pytest.importorskip("gaussforge")
    (tmp_path / "meta.json").write_text(f'{{{version}"means": {{"files": ["means_l.webp"]}}}}')
    with pytest.raises(SplatFileError, match=r"before version 2, which is not read; convert it to \.sog or \.ply"):
        load_splats(tmp_path)
