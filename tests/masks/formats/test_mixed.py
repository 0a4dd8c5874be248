"""Label maps that were compressed, resized or smoothed: mended where that is right, else refused."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from splatseg.errors import MaskError
from splatseg.masks.formats.mixed import MIXED, mended, mixed_share
from splatseg.masks.formats.read import read_segments
from splatseg.masks.segments import Segments

SMOOTH = [(Image.Resampling.BOX, 0.5), *((Image.Resampling.BILINEAR, factor) for factor in (0.5, 1.5, 3.0))]
"""Ways to resize, and by how much."""


def things(height: int = 96) -> np.ndarray:
    """Four discs with the ids 1 to 4."""
    labels = np.zeros((height, height * 4 // 3), dtype=np.uint8)
    rows, columns = np.ogrid[: labels.shape[0], : labels.shape[1]]
    for number, (x, y) in enumerate([(25, 25), (90, 30), (35, 70), (100, 70)], start=1):
        scale = height / 96
        labels[(columns - scale * x) ** 2 + (rows - scale * y) ** 2 < (scale * 18) ** 2] = number
    return labels


COLORS = np.array([[0, 0, 0], [230, 25, 75], [60, 180, 75], [0, 130, 200], [245, 130, 48]], dtype=np.uint8)


def through_jpeg(image: np.ndarray, quality: int = 75) -> np.ndarray:
    stream = io.BytesIO()
    Image.fromarray(image).save(stream, "JPEG", quality=quality)
    return np.asarray(Image.open(stream)).copy()


def resized(image: np.ndarray, size: tuple[int, int], how: Image.Resampling) -> np.ndarray:
    return np.asarray(Image.fromarray(image).resize(size, how))


def read(folder: Path, image: np.ndarray | Image.Image) -> Segments:
    folder.mkdir(exist_ok=True)
    (Image.fromarray(image) if isinstance(image, np.ndarray) else image).save(folder / "012.png")
    return read_segments(folder / "012.png")


def overlaps(found: Segments, labels: np.ndarray) -> list[float]:
    """IoU of each id of labels (H,W) with the segment at its middle."""
    shown = found.flattened()
    return [
        float(((shown == of) & (labels == number)).sum() / ((shown == of) | (labels == number)).sum())
        for number in range(1, 5)
        for of in [np.bincount(shown[labels == number]).argmax()]
    ]


@pytest.mark.parametrize("quality", [50, 75, 95])
@pytest.mark.parametrize("colored", [False, True])
def test_ids_that_were_compressed_as_jpeg_are_refused(tmp_path: Path, quality: int, colored: bool) -> None:
    image = COLORS[things()] if colored else 50 * things()
    with pytest.raises(MaskError, match=r"^the ids of .*012\.png .*compressed \(JPEG\).*PNG, without") as told:
        read(tmp_path, through_jpeg(image, quality))
    assert "\n" not in str(told.value)


@pytest.mark.parametrize(("how", "factor"), SMOOTH)
@pytest.mark.parametrize("kind", ["consecutive", "spread", "colors"])
def test_ids_that_were_resized_smoothly_are_mended(
    tmp_path: Path, how: Image.Resampling, factor: float, kind: str
) -> None:
    labels = things(192)
    image = {"consecutive": labels * np.uint8(3), "spread": 50 * labels, "colors": COLORS[labels]}[kind]
    size = (int(256 * factor), int(192 * factor))
    mixed = resized(image, size, how)
    with pytest.warns(UserWarning, match=r"^the ids of .*012\.png are mixed \(.*% .* for the nearest id"):
        found = read(tmp_path, mixed)
    assert found.count == 4
    assert min(overlaps(found, resized(labels, size, Image.Resampling.NEAREST))) > 0.95


def test_a_palette_with_smooth_outlines_is_mended(tmp_path: Path) -> None:
    labels = things(384)
    smooth = Image.fromarray(COLORS[labels]).resize((256, 192), Image.Resampling.BILINEAR).quantize(256)
    assert smooth.mode == "P"
    with pytest.warns(UserWarning, match="are mixed"):
        found = read(tmp_path, smooth)
    assert found.count in (4, 5)  # the palette's own index of black may not be 0
    assert min(overlaps(found, resized(labels, (256, 192), Image.Resampling.NEAREST))) > 0.95


@pytest.mark.parametrize("spoil", ["jpeg", "smooth", "both"])
def test_a_matte_of_one_object_is_the_object(tmp_path: Path, spoil: str) -> None:
    matte = 255 * (things() == 1).astype(np.uint8)
    if spoil != "jpeg":
        matte = resized(matte, (640, 480), Image.Resampling.BICUBIC)
    if spoil != "smooth":
        matte = through_jpeg(matte)
    with pytest.warns(UserWarning, match="are mixed"):
        found = read(tmp_path, matte)
    truth = resized((things() == 1).astype(np.uint8), matte.shape[::-1], Image.Resampling.NEAREST) > 0
    assert found.count == 1
    assert (found.mask(1) & truth).sum() / (found.mask(1) | truth).sum() > 0.95


def test_sound_maps_are_left_alone_even_with_many_small_things() -> None:
    rng = np.random.default_rng(0)
    specks = np.zeros((90, 90), dtype=np.int32)
    specks[::3, ::3] = rng.permutation(900).reshape(30, 30)
    tiles = np.arange(1, 901).reshape(30, 30).repeat(3, axis=0).repeat(3, axis=1)
    striped = rng.permutation(90)[:, None].repeat(90, axis=1)
    for sound in (things(), 50 * things(), specks, tiles, striped.repeat(2, axis=0)):
        assert mixed_share(sound.astype(np.int32)[..., None]) < MIXED


def test_of_files_of_one_folder_one_is_told(tmp_path: Path) -> None:
    soft = Image.fromarray(resized(50 * things(192), (384, 288), Image.Resampling.BILINEAR))
    for name in ("1.png", "2.png"):
        soft.save(tmp_path / name)
    with pytest.warns(UserWarning, match=r"1\.png are mixed") as told:
        counts = [read_segments(tmp_path / name).count for name in ("1.png", "2.png")]
    assert counts == [4, 4] and len(told) == 1


def test_arrays_are_looked_at_as_pictures_are(tmp_path: Path) -> None:
    np.save(tmp_path / "012.npy", through_jpeg(50 * things()))
    with pytest.raises(MaskError, match=r"012\.npy are mixed"):
        read_segments(tmp_path / "012.npy")
    np.save(tmp_path / "012.npy", np.stack([things(), things() * 7]))
    assert read_segments(tmp_path / "012.npy").count == 8


def test_a_map_without_anything_flat_cannot_be_mended() -> None:
    noise = np.random.default_rng(0).integers(0, 255, (40, 40)).astype(np.int32)
    assert mended(noise, noise[..., None]) is None
