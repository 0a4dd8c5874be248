"""Ignore masks as nerfstudio, COLMAP and brush keep them: found, resampled, and told when they cannot be used."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from capture_files import colmap_capture, transforms_capture
from PIL import Image

from splatseg.capture.capture import load_capture
from splatseg.capture.ignore_masks import find_ignore_mask
from splatseg.errors import CaptureError


def write_ignore(path: Path, width: int = 32, height: int = 24, mode: str = "L") -> Path:
    """Black, that is ignored, in the left quarter."""
    kept = np.full((height, width), 255, np.uint8)
    kept[:, : width // 4] = 0
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(kept).convert(mode).save(path)
    return path


@pytest.mark.parametrize("mode", ["L", "1", "RGB", "RGBA", "P"])
@pytest.mark.parametrize("file", ["masks/left/a.b.jpg.png", "images/left/a.b.mask.png"])
def test_masks_are_found_as_colmap_and_brush_name_them(tmp_path: Path, file: str, mode: str) -> None:
    folder = colmap_capture(tmp_path, ["left/a.b.jpg", "c.jpg"])
    path = write_ignore(folder / file, 64, 48, mode)
    without, view = load_capture(folder).views
    assert view.ignore_path == path and without.ignore_path is None and without.ignored() is None
    ignored = view.ignored()
    assert ignored is not None and ignored.shape == (24, 32) and ignored[:, :8].all() and not ignored[:, 8:].any()


def test_segment_masks_in_the_capture_are_no_ignore_masks(tmp_path: Path) -> None:
    folder = colmap_capture(tmp_path, ["a.jpg"])
    for name in ("a.png", "frame.0001.png"):
        write_ignore(folder / "masks" / name)
    assert load_capture(folder).views[0].ignore_path is None
    assert find_ignore_mask(folder, "frame.0001", folder / "images" / "frame.0001") is None


def test_nerfstudio_names_them_in_its_frames(tmp_path: Path) -> None:
    folder = transforms_capture(tmp_path, ["images/a.png", "images/b.png"])
    content = json.loads((folder / "transforms.json").read_text())
    content["frames"][1]["mask_path"] = "ignore\\b.png"
    (folder / "transforms.json").write_text(json.dumps(content))
    with pytest.raises(CaptureError, match=r"1 of 1 ignore masks \(mask_path\) named in .* are absent: .*b\.png; put"):
        load_capture(folder)
    path = write_ignore(folder / "ignore" / "b.png")
    assert [view.ignore_path for view in load_capture(folder).views] == [None, path]


def test_masks_of_another_shape_and_damaged_ones_are_told(tmp_path: Path) -> None:
    folder = colmap_capture(tmp_path, ["a.jpg"])
    path = write_ignore(folder / "masks" / "a.jpg.png", 32, 32)
    [view] = load_capture(folder).views
    with pytest.raises(CaptureError, match="is 32x32, but its image is 32x24, of another shape"):
        view.ignored()
    path.write_bytes(path.read_bytes()[:40])
    with pytest.raises(CaptureError, match=r"the ignore mask .*a\.jpg\.png cannot be read"):
        view.ignored()
