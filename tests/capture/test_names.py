"""Files found where another system wrote their names in other letters, and never the file of another name."""

from __future__ import annotations

import unicodedata
from pathlib import Path

import numpy as np
import pytest
from capture_files import colmap_capture, transforms_capture, write_image
from PIL import Image

from splatseg.capture.capture import load_capture
from splatseg.capture.names import file_at, folded
from splatseg.errors import CaptureError
from splatseg.evaluate.truth import read_truth
from splatseg.masks.store import open_masks


def decomposed(name: str) -> str:
    return unicodedata.normalize("NFD", name)


SPELLINGS = [("IMG_0.JPG", "IMG_0.jpg"), ("Küche 0.jpg", decomposed("Küche 0.jpg")), ("Left/a.jpg", "left/A.JPG")]
"""A name in the model, and the name of the file."""


def respelled(folder: Path, named: str, written: str) -> Path:
    """Replace the image of one name by another image under the other name, in folders of that name."""
    (folder / named).unlink()
    if (folder / named).parent != folder:
        (folder / named).parent.rmdir()
    return write_image(folder / written, value=33)


def write_labels(path: Path, value: int = 7) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    labels = np.zeros((24, 32), np.uint16)
    labels[:12] = value
    Image.fromarray(labels).save(path)
    return path


@pytest.mark.parametrize(("named", "written"), SPELLINGS)
def test_images_of_a_model_are_found_in_another_spelling(tmp_path: Path, named: str, written: str) -> None:
    colmap_capture(tmp_path, [named, "other.jpg"])
    path = respelled(tmp_path / "images", named, written)
    view = load_capture(tmp_path).view(named)
    assert view.name == named and view.image_path is not None and view.image_path.samefile(path)
    assert (view.image() == 33).all()


@pytest.mark.parametrize(("named", "written"), SPELLINGS)
def test_images_of_a_transforms_file_are_found_in_another_spelling(tmp_path: Path, named: str, written: str) -> None:
    transforms_capture(tmp_path, [f"images/{named}", "images/other.jpg"])
    respelled(tmp_path / "images", named, written)
    view = load_capture(tmp_path).view(f"images/{named}")
    assert (view.image() == 33).all()


@pytest.mark.parametrize(("named", "written"), SPELLINGS)
def test_masks_ignore_masks_and_truth_are_found_in_another_spelling(tmp_path: Path, named: str, written: str) -> None:
    colmap_capture(tmp_path / "capture", [named, "other.jpg"])
    stem = written.rpartition(".")[0]
    ignore = write_labels(tmp_path / "capture" / "masks" / f"{written}.png")
    views = load_capture(tmp_path / "capture").views
    view = next(view for view in views if view.name == named)
    assert view.ignore_path is not None and view.ignore_path.samefile(ignore)
    mask = write_labels(tmp_path / "masks" / f"{stem}.png")
    assert open_masks(tmp_path / "masks", views).files == {named: mask}
    write_labels(tmp_path / "masks" / "other.png")
    assert read_truth(tmp_path / "masks", views).label_maps[named].max() == 7


def test_an_exact_name_comes_first_and_two_that_are_alike_count_for_nothing(tmp_path: Path) -> None:
    for name in ("a.jpg", "A.jpg", "A.JPG"):
        (tmp_path / name).write_bytes(b"")
    if len(list(tmp_path.iterdir())) < 3:
        pytest.skip("this file system does not tell upper from lower case")
    assert file_at(tmp_path / "a.jpg") == tmp_path / "a.jpg"
    assert file_at(tmp_path / "a.Jpg") is None and file_at(tmp_path / "b.jpg") is None


@pytest.mark.parametrize("name", ["a" * 5000, "a/" * 3000 + "b", "no/such/folder.jpg"])
def test_names_that_no_file_can_have_are_absent(tmp_path: Path, name: str) -> None:
    assert file_at(tmp_path / name) is None


def test_a_listing_is_read_again_after_the_folder_changed(tmp_path: Path) -> None:
    assert file_at(tmp_path / "a.jpg") is None
    (tmp_path / "A.JPG").write_bytes(b"")
    found = file_at(tmp_path / "a.jpg")
    assert found is not None and found.samefile(tmp_path / "A.JPG")


def test_one_image_does_not_serve_two_names(tmp_path: Path) -> None:
    colmap_capture(tmp_path, ["A.jpg", "a.jpg", "b.jpg"])
    if len(list((tmp_path / "images").iterdir())) < 3:
        pytest.skip("this file system does not tell upper from lower case")
    (tmp_path / "images" / "A.jpg").unlink()
    with pytest.raises(CaptureError, match=r"1 of 3 images named in .* are absent from .*images: A\.jpg"):
        load_capture(tmp_path)


def test_letters_in_two_parts_and_in_other_cases_are_the_same_when_folded() -> None:
    assert folded("ÉTÉ ß") == folded(decomposed("été SS")) != folded("ete ss")
