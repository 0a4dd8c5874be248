"""Images: orientation, transparency, depth, size, damage."""

from __future__ import annotations

import sys
import types
from pathlib import Path

import numpy as np
import pytest
from capture_files import write_image
from PIL import Image, ImageFile
from scenes import camera

from splatseg.capture.images import image_size, read_image, size_for, stem_of
from splatseg.errors import CaptureError


def turned(path: Path, orientation: int) -> Path:
    """32x24 as stored, the left half white; tagged with an orientation."""
    pixels = np.zeros((24, 32, 3), np.uint8)
    pixels[:, :16] = 255
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(pixels).save(path, exif=exif, **({"quality": 95} if path.suffix == ".jpg" else {}))
    return path


@pytest.mark.parametrize("suffix", [".jpg", ".png"])
def test_a_sideways_photograph_is_turned_when_its_camera_is_upright(tmp_path: Path, suffix: str) -> None:
    path = turned(tmp_path / f"a{suffix}", 6)  # 6: turn by 90 degrees clockwise, so left becomes top
    assert size_for(path, camera(24, 32)) == (24, 32)
    image = read_image(path, 24, 32)
    assert image.shape == (32, 24, 3)
    assert image[2, 12, 0] > 200 and image[-3, 12, 0] < 50


@pytest.mark.parametrize("orientation", [1, 3, 6])
def test_pixels_are_taken_as_stored_when_they_fit_the_camera(tmp_path: Path, orientation: int) -> None:
    path = turned(tmp_path / "a.png", orientation)
    assert size_for(path, camera(32, 24)) == (32, 24)
    assert read_image(path, 32, 24)[0, 0, 0] == 255


def test_an_image_of_another_shape_than_its_camera_is_an_error(tmp_path: Path) -> None:
    path = write_image(tmp_path / "a.png", 32, 24)
    with pytest.raises(CaptureError, match=r"a\.png is 32x24, but its camera is 30x30"):
        size_for(path, camera(30, 30))


def test_a_smaller_image_of_the_same_shape_fits(tmp_path: Path) -> None:
    assert size_for(write_image(tmp_path / "a.png", 251, 167), camera(1000, 667)) == (251, 167)


def test_shrinking_averages_over_areas(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (24, 32, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "a.png")
    means = pixels.reshape(6, 4, 8, 4, 3).mean(axis=(1, 3))
    assert np.abs(read_image(tmp_path / "a.png", 8, 6) - means).max() <= 1.0  # rounded once an axis


def test_alpha_is_ignored_unless_there_is_a_background(tmp_path: Path) -> None:
    rgba = np.full((24, 32, 4), 100, np.uint8)
    rgba[..., 3] = 0
    Image.fromarray(rgba).save(tmp_path / "a.png")
    assert (read_image(tmp_path / "a.png", 32, 24) == 100).all()
    assert (read_image(tmp_path / "a.png", 32, 24, (255, 255, 255)) == 255).all()


def test_sixteen_bits_grey_and_palette_become_rgb(tmp_path: Path) -> None:
    Image.fromarray(np.full((24, 32), 65535, np.uint16)).save(tmp_path / "deep.png")
    assert (read_image(tmp_path / "deep.png", 32, 24) == 255).all()
    Image.fromarray(np.full((24, 32), 128 * 257, np.uint16)).save(tmp_path / "middle.png")
    assert (read_image(tmp_path / "middle.png", 32, 24) == 128).all()
    Image.fromarray(np.full((24, 32), 7, np.uint8)).save(tmp_path / "grey.png")
    assert (read_image(tmp_path / "grey.png", 32, 24) == 7).all()
    palette = Image.fromarray(np.ones((24, 32), np.uint8), mode=None).convert("P")
    palette.putpalette([0, 0, 0, 10, 20, 30])
    palette.putdata([1] * (24 * 32))
    palette.save(tmp_path / "palette.png")
    assert (read_image(tmp_path / "palette.png", 32, 24) == [10, 20, 30]).all()


def test_images_can_be_written_into(tmp_path: Path) -> None:
    read_image(write_image(tmp_path / "a.png"), 32, 24)[0, 0] = 3


@pytest.mark.parametrize("suffix", [".jpg", ".png"])
def test_a_truncated_image_is_named(tmp_path: Path, suffix: str) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (24, 32, 3), dtype=np.uint8)
    path = tmp_path / f"a{suffix}"
    Image.fromarray(noise).save(path)
    whole = path.read_bytes()
    for size in range(0, len(whole) - 16, 97):
        path.write_bytes(whole[:size])
        with pytest.raises(CaptureError, match=rf"image .*a\{suffix} cannot be read"):
            read_image(path, 32, 24)


def test_a_missing_image_is_named(tmp_path: Path) -> None:
    with pytest.raises(CaptureError, match=r"gone\.png does not exist"):
        read_image(tmp_path / "gone.png", 32, 24)


@pytest.mark.parametrize(
    ("name", "stem"),
    [
        ("000.jpg", "000"),
        ("left/a.b.JPG", "left/a.b"),
        ("a b.png", "a b"),
        ("frame.0001", "frame.0001"),
        ("v1.2/x", "v1.2/x"),
        (".png", ".png"),
    ],
)
def test_only_image_suffixes_are_taken_off_a_name(name: str, stem: str) -> None:
    assert stem_of(name) == stem


def test_heic_is_read_by_pillow_heif_where_it_is_installed_and_else_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a.heic").write_bytes(b"a picture of a phone" * 9)
    with pytest.raises(CaptureError, match=r"a\.heic cannot be read .*; HEIC needs pillow-heif \(pip install"):
        image_size(tmp_path / "a.heic")

    class Heif(ImageFile.ImageFile):
        format = "HEIF"

        def _open(self) -> None:
            self._size, self._mode = (5, 7), "RGB"

    def register() -> None:
        Image.register_open("HEIF", Heif, lambda start: start.startswith(b"a picture"))

    plugin = types.ModuleType("pillow_heif")
    plugin.register_heif_opener = register  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "pillow_heif", plugin)
    try:
        assert image_size(tmp_path / "a.heic") == (5, 7)
    finally:
        Image.OPEN.pop("HEIF", None)
        Image.ID.remove("HEIF")
