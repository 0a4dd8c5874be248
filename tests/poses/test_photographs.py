"""Photographs as people have them, put where a reconstruction can read them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from splatseg.errors import CaptureError
from splatseg.poses.photographs import find_photographs, put_photographs


def _image(path: Path, mode: str = "RGB", size: tuple[int, int] = (8, 6), **options: object) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new(mode, size, 120 if mode in ("L", "I;16") else None or 0).save(path, **options)  # type: ignore[arg-type]
    return path


def test_photographs_below_a_folder_are_found_by_name_without_hidden_ones_and_the_capture_itself(
    tmp_path: Path,
) -> None:
    for name in ("b/2.jpg", "a.JPG", "c.png", ".hidden/x.jpg", "._a.jpg", "out/images/a.jpg", "notes.txt"):
        if name.endswith("txt"):
            (tmp_path / name).write_text("x")
        else:
            _image(tmp_path / name, format="JPEG")
    found = find_photographs(tmp_path, apart_from=tmp_path / "out")
    assert [path.relative_to(tmp_path).as_posix() for path in found] == ["a.JPG", "b/2.jpg", "c.png"]
    # The images of a capture may be given themselves.
    for number in range(3):
        _image(tmp_path / "out" / "images" / f"{number}.jpg")
    assert len(find_photographs(tmp_path / "out" / "images", apart_from=tmp_path / "out")) == 4


def test_a_photograph_is_the_same_file_and_others_are_written_anew_with_their_lens(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x010F], exif[0x0112] = "Maker", 6
    files = [
        _image(tmp_path / "in" / "a.jpg", exif=exif),
        _image(tmp_path / "in" / "b.webp", exif=exif),
        _image(tmp_path / "in" / "c.jpg", "CMYK"),
        _image(tmp_path / "in" / "d.png", "I;16"),
    ]
    done: list[int] = []
    put = put_photographs(files, tmp_path / "in", tmp_path / "images", done.append)
    assert [photograph.name for photograph in put] == ["a.jpg", "b.jpg", "c.jpg", "d.jpg"] and done == [1, 2, 3, 4]
    assert (tmp_path / "images" / "a.jpg").samefile(files[0])
    assert "Maker" in put[0].lens and put[2].lens == put[3].lens != put[0].lens
    with Image.open(tmp_path / "images" / "b.jpg") as turned:
        # Turned as its tag says, and told so.
        assert turned.size == (6, 8) and turned.getexif().get(0x0112) in (None, 1)
        assert turned.getexif()[0x010F] == "Maker"
    assert np.asarray(Image.open(tmp_path / "images" / "d.jpg")).shape == (6, 8, 3)
    before = (tmp_path / "images" / "b.jpg").stat().st_mtime_ns
    put_photographs(files, tmp_path / "in", tmp_path / "images")
    assert (tmp_path / "images" / "b.jpg").stat().st_mtime_ns == before


def test_two_photographs_of_one_name_and_files_that_are_none_are_told(tmp_path: Path) -> None:
    twins = [_image(tmp_path / "a.jpg"), _image(tmp_path / "a.png")]
    with pytest.raises(CaptureError, match=r"differ in suffix or case only.*rename one of them"):
        put_photographs(twins, tmp_path, tmp_path / "images")
    (tmp_path / "x.heic").write_bytes(b"not an image")
    with pytest.raises(CaptureError, match=r"x\.heic cannot be read .*HEIC needs pillow-heif .*or save it as JPEG"):
        put_photographs([tmp_path / "x.heic"], tmp_path, tmp_path / "images")
