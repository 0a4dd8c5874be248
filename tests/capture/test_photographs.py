"""Photographs as cameras, phones and programs store them: what the capture's first picture is, or what is said."""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tifffile
from capture_files import binary_files, model, write_files, write_image
from PIL import Image, ImageOps

from splatseg.capture.capture import load_capture
from splatseg.errors import CaptureError
from splatseg.evaluate.truth import read_truth
from splatseg.masks.store import open_masks

PIXELS = np.kron(np.random.default_rng(0).integers(0, 256, (3, 4, 3), np.uint8), np.ones((8, 8, 1), np.uint8))
"""24x32 in squares of 8, which compression keeps nearly as they are."""

DEEP = PIXELS.astype(np.uint16) * 257

PICTURE = Image.fromarray(PIXELS)
GREY = PICTURE.convert("L")


def first_picture(folder: Path, name: str, width: int = 32, height: int = 24) -> np.ndarray:
    """The picture of a capture whose only other photograph is an ordinary one."""
    write_files(folder / "sparse" / "0", binary_files(model([name, "other.png"], width, height)))
    write_image(folder / "images" / "other.png", width, height)
    return load_capture(folder).view(name).image()


def deep_png(path: Path, pixels: np.ndarray, color_type: int) -> None:
    """A PNG of 16 bits a channel, which Pillow does not write."""
    height, width = pixels.shape[:2]
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in pixels)
    head = struct.pack(">IIBBBBB", width, height, 16, color_type, 0, 0, 0)
    content = b"\x89PNG\r\n\x1a\n"
    for kind, data in ((b"IHDR", head), (b"IDAT", zlib.compress(rows)), (b"IEND", b"")):
        content += struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    path.write_bytes(content)


def with_alpha(pixels: np.ndarray, opaque: int) -> np.ndarray:
    alpha = np.full((*pixels.shape[:2], 1), opaque, pixels.dtype)
    return np.concatenate([pixels if pixels.ndim == 3 else pixels[..., None], alpha], axis=2)


IN_COLOR: dict[str, Callable[[Path], object]] = {
    "progressive.jpg": lambda path: PICTURE.save(path, progressive=True, quality=97, subsampling=0),
    "cmyk.jpg": lambda path: PICTURE.convert("CMYK").save(path, quality=97, subsampling=0),
    "phone.jpg": lambda path: PICTURE.save(
        path, format="MPO", save_all=True, append_images=[GREY.convert("RGB")], quality=97, subsampling=0
    ),
    "alpha.png": lambda path: PICTURE.convert("RGBA").save(path),
    "clear.png": lambda path: Image.fromarray(with_alpha(PIXELS, 0)).save(path),
    "palette.png": lambda path: PICTURE.quantize(200).save(path),
    "palette clear.png": lambda path: PICTURE.quantize(200).save(path, transparency=0),
    "deep.png": lambda path: deep_png(path, DEEP, 2),
    "deep alpha.png": lambda path: deep_png(path, with_alpha(DEEP, 65535), 6),
    "called otherwise.jpg": lambda path: PICTURE.save(path, format="PNG"),
    "plain.tif": PICTURE.save,
    "lzw.TIFF": lambda path: PICTURE.save(path, format="TIFF", compression="tiff_lzw"),
    "cmyk.tif": lambda path: PICTURE.convert("CMYK").save(path),
    "deep.tif": lambda path: tifffile.imwrite(path, DEEP, photometric="rgb"),
    "planes.tif": lambda path: tifffile.imwrite(
        path, np.moveaxis(PIXELS, 2, 0).copy(), photometric="rgb", planarconfig="separate"
    ),
    "pages.tif": lambda path: PICTURE.save(path, save_all=True, append_images=[GREY.convert("RGB")]),
    "a.webp": lambda path: PICTURE.save(path, lossless=True),
    "a.avif": lambda path: PICTURE.save(path, quality=100, subsampling="4:4:4"),
    "a.jp2": PICTURE.save,
    "a.bmp": PICTURE.save,
    "a.gif": PICTURE.save,
    "a.tga": PICTURE.save,
    "a.ppm": PICTURE.save,
}


@pytest.mark.parametrize("name", sorted(IN_COLOR))
def test_a_photograph_in_color_is_its_colors_in_whatever_way_it_is_stored(tmp_path: Path, name: str) -> None:
    (tmp_path / "images").mkdir()
    IN_COLOR[name](tmp_path / "images" / name)
    shown = first_picture(tmp_path, name)
    assert shown.dtype == np.uint8 and np.abs(shown.astype(int) - PIXELS).mean() < 3


IN_GREY: dict[str, Callable[[Path], object]] = {
    "grey.jpg": lambda path: GREY.save(path, quality=97),
    "grey.png": GREY.save,
    "grey alpha.png": lambda path: GREY.convert("LA").save(path),
    "deep.png": lambda path: deep_png(path, np.asarray(GREY).astype(np.uint16) * 257, 0),
    "deep alpha.png": lambda path: deep_png(path, with_alpha(np.asarray(GREY).astype(np.uint16) * 257, 65535), 4),
    "deep.tif": lambda path: tifffile.imwrite(path, np.asarray(GREY).astype(np.uint16) * 257),
}


@pytest.mark.parametrize("name", sorted(IN_GREY))
def test_a_photograph_in_grey_is_grey_in_whatever_way_it_is_stored(tmp_path: Path, name: str) -> None:
    (tmp_path / "images").mkdir()
    IN_GREY[name](tmp_path / "images" / name)
    shown = first_picture(tmp_path, name)
    assert np.abs(shown.astype(int) - np.asarray(GREY)[..., None]).mean() < 3


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".tif", ".webp", ".avif"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_the_pixels_are_those_that_the_poses_were_made_from(tmp_path: Path, orientation: int, suffix: str) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    name = f"a{suffix}"
    (tmp_path / "images").mkdir()
    lossless = {"lossless": True} if suffix == ".webp" else {} if suffix in (".png", ".tif") else {"quality": 97}
    PICTURE.save(tmp_path / "images" / name, exif=exif, **lossless)
    stored = first_picture(tmp_path, name)
    assert np.abs(stored.astype(int) - PIXELS).mean() < 12
    if orientation <= 4:
        with pytest.raises(CaptureError, match="is 32x24, but its camera is 24x32, of another shape"):
            first_picture(tmp_path, name, width=24, height=32)
        return
    # Poses of a portrait camera were made from photographs that had been turned by the tag.
    upright = {5: PIXELS.swapaxes(0, 1), 6: np.rot90(PIXELS, -1), 7: np.rot90(PIXELS, 2).swapaxes(0, 1)}
    shown = first_picture(tmp_path, name, width=24, height=32)
    assert np.abs(shown.astype(int) - upright.get(orientation, np.rot90(PIXELS))).mean() < 12


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".tif"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_colmap_reads_the_pixels_as_they_are_stored(tmp_path: Path, orientation: int, suffix: str) -> None:
    pycolmap = pytest.importorskip("pycolmap")
    exif = Image.Exif()
    exif[0x0112] = orientation
    PICTURE.save(tmp_path / f"a{suffix}", exif=exif, **({"quality": 97} if suffix == ".jpg" else {}))
    read = pycolmap.Bitmap.read(str(tmp_path / f"a{suffix}"), True).to_array()
    assert read.shape == PIXELS.shape and np.abs(read.astype(int) - PIXELS).mean() < 12


@pytest.mark.parametrize("orientation", [1, 5, 6, 7, 8])
@pytest.mark.parametrize("upright_camera", [False, True])
@pytest.mark.parametrize("upright_mask", [False, True])
def test_masks_of_a_photograph_turned_by_its_tag_or_not_lie_on_it(
    tmp_path: Path, orientation: int, upright_camera: bool, upright_mask: bool
) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    grey = np.arange(32 * 24, dtype=np.uint32).reshape(24, 32)
    stored = Image.fromarray((grey // 4).astype(np.uint8))  # a number of its own for nearly every pixel
    (tmp_path / "images").mkdir()
    stored.save(tmp_path / "images" / "a.png", exif=exif)
    mask = ImageOps.exif_transpose(Image.open(tmp_path / "images" / "a.png")) if upright_mask else stored
    for folder in ("labels", "masks"):
        (tmp_path / folder).mkdir()
    mask.save(tmp_path / "labels" / "a.png")
    mask.point(lambda value: 255 * (value > 90)).save(tmp_path / "masks" / "a.png.png")  # as COLMAP names ignore masks
    size = (24, 32) if upright_camera and orientation > 1 else (32, 24)
    write_files(tmp_path / "sparse" / "0", binary_files(model(["a.png"], *size)))
    view = load_capture(tmp_path).views[0]
    shown = view.image()[..., 0]
    assert np.array_equal(read_truth(tmp_path / "labels", [view]).label_maps["a.png"], shown)
    ignored = view.ignored()
    assert ignored is not None and np.array_equal(ignored, shown <= 90)
    segments = open_masks(tmp_path / "labels", [view]).read(view)
    assert segments is not None and np.array_equal(segments.layers[0] > 0, shown > 90)


NOT_READ: dict[str, tuple[Callable[[Path], object], str]] = {
    "a.heic": (
        lambda path: path.write_bytes(b"\0\0\0\x18ftypheic" + bytes(99)),
        "HEIC needs pillow-heif|copy or export",
    ),
    "a.jxl": (lambda path: path.write_bytes(b"\xff\x0a" + bytes(99)), "save it as JPEG or PNG, under the same name"),
    "a.exr": (lambda path: path.write_bytes(b"v/1\x01" + bytes(99)), "save floating-point pictures as PNG of"),
    "a.DNG": (
        lambda path: PICTURE.resize((16, 12)).save(path, format="TIFF"),
        "export the raw photographs as JPEG",
    ),
    "floats.tif": (lambda path: GREY.convert("F").save(path), "floating-point pixels, which need 8 or 16 bits"),
    "color floats.tif": (lambda path: tifffile.imwrite(path, PIXELS / np.float32(255), photometric="rgb"), "export it"),
    "empty.jpg": (lambda path: path.write_bytes(b""), "it is empty: copy"),
    "pointer.jpg": (lambda path: path.write_text("version https://git-lfs.github.com/spec/v1\n"), "run `git lfs pull`"),
    "page.jpg": (lambda path: path.write_text("<!DOCTYPE html>"), "a failed download: get the image again"),
}


@pytest.mark.parametrize("name", sorted(NOT_READ))
def test_what_is_not_read_is_refused_in_one_sentence_with_the_way_out(tmp_path: Path, name: str) -> None:
    write, way = NOT_READ[name]
    (tmp_path / "images").mkdir()
    write(tmp_path / "images" / name)
    with pytest.raises(CaptureError) as error:
        first_picture(tmp_path, name)
    said = str(error.value)
    assert re.search(rf"the image \S*images/{name} cannot be read \(.+\); ", said) and re.search(way, said)
    assert "\n" not in said and said.count(str(tmp_path)) == 1
