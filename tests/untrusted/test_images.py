"""Pictures are judged by their header, before a pixel is decoded."""

from __future__ import annotations

import io
import warnings
from pathlib import Path

import numpy as np
import pytest
from fuzz_bombs import png, whole_png
from PIL import Image

from splatseg.errors import CaptureError, MaskError, PromptError
from splatseg.evaluate.protocols.task import read_grey
from splatseg.masks.formats.label_maps import read_label_map
from splatseg.masks.formats.read import read_segments
from splatseg.untrusted.images import open_image
from splatseg.untrusted.memory import Guard


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "TIFF", "BMP", "GIF", "PPM", "TGA", "JPEG2000"])
def test_pictures_of_every_kind_are_opened_and_refused_by_their_size(
    tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a"
    Image.fromarray(np.zeros((300, 400, 3), np.uint8)).save(path, kind)
    with open_image(path, Guard.of(path, CaptureError), 16) as image:
        assert image.size == (400, 300)
    monkeypatch.setenv("SPLATSEG_MEMORY", "1M")
    with pytest.raises(CaptureError, match=r"declares 400x300 pixels, .* set SPLATSEG_MEMORY=1G"):
        open_image(path, Guard.of(path, CaptureError), 16).__enter__()


@pytest.mark.parametrize("read", [read_segments, read_label_map, read_grey])
def test_97_bytes_do_not_become_a_picture(tmp_path: Path, read: object) -> None:
    (tmp_path / "a.png").write_bytes(png(12, 14262538, "L", b"x" * 40))
    with (
        warnings.catch_warnings(),
        pytest.raises(MaskError, match="12x14262538 pixels, more than its 97 bytes"),
    ):
        warnings.simplefilter("ignore")
        read(tmp_path / "a.png")  # type: ignore[operator]


def test_a_large_empty_mask_is_read_and_a_huge_one_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.png").write_bytes(whole_png(2000, "RGB"))
    assert read_segments(tmp_path / "a.png").count == 0
    monkeypatch.setenv("SPLATSEG_MEMORY", "50M")
    with pytest.raises(MaskError, match=r"a\.png declares 2000x2000 pixels, which would take 76 MiB of memory"):
        read_segments(tmp_path / "a.png")


def test_what_pillow_refuses_is_told_in_our_words(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(png(60000, 60000, "L"))
    with pytest.raises(
        MaskError, match=r"a\.png declares more than 178,956,970 pixels, the most that is decoded; scale"
    ):
        read_segments(tmp_path / "a.png")


def test_postscript_is_no_picture(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\n")
    with pytest.raises(Image.UnidentifiedImageError):
        open_image(path, Guard.of(path, CaptureError), 16).__enter__()


def test_a_stream_is_judged_by_the_guard_that_comes_with_it() -> None:
    buffer = io.BytesIO(png(13000, 13000, "L"))
    with warnings.catch_warnings(), pytest.raises(PromptError, match="x declares 13000x13000 pixels"):
        warnings.simplefilter("ignore")
        open_image(buffer, Guard(PromptError, "x", 97), 16).__enter__()
