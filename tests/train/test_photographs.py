"""Photographs that do not fit memory together are decoded when they are needed, and change no bit."""

from __future__ import annotations

import dataclasses
from contextlib import AbstractContextManager
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from splatseg.cameras.lens_camera import LensCamera
from splatseg.cameras.lens_models import lens_of_model
from splatseg.capture import images
from splatseg.capture.capture import Capture, load_capture
from splatseg.capture.view import View, faces_of_photograph
from splatseg.demo.demo import demo_capture
from splatseg.errors import CaptureError
from splatseg.train import photographs as module
from splatseg.train.fit import fit_splats
from splatseg.train.photographs import PIXEL, Photographs
from splatseg.train.settings import TrainSettings


@pytest.fixture(scope="module")
def capture() -> Capture:
    return load_capture(demo_capture(), downscale=8)


@pytest.mark.parametrize("share", [0.0, 0.3, 0.5, 1.0, 2.0])
def test_as_many_are_kept_as_the_budget_allows_and_all_are_right(
    capture: Capture, share: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    views = capture.views[:20]
    read: list[str] = []
    image = View.image

    def counted(view: View) -> np.ndarray:
        read.append(view.name)
        return image(view)

    monkeypatch.setattr(View, "image", counted)
    size = PIXEL * views[0].camera.width * views[0].camera.height
    found = Photographs(views, budget=int(share * size * len(views)))
    for _ in range(3):
        for number, (pixels, ignored) in enumerate(found.arrays()):
            found.ahead((number + 1) % len(views))
            np.testing.assert_array_equal(pixels, image(views[number]))
            assert ignored is None
    found.close()
    kept = min(len(views), int(share * len(views)))
    assert len(found._decoded) == kept
    # Those kept once, the others three times, and one that was begun for nothing at the end.
    assert kept + 3 * (len(views) - kept) <= len(read) <= kept + 3 * (len(views) - kept) + 1


def test_a_photograph_that_is_cut_into_faces_is_decoded_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    lens = lens_of_model("SIMPLE_FISHEYE", (64 / np.radians(160.0), 32.0, 24.0), 64, 48)
    views: list[View] = []
    for name in ("a.png", "b.png"):
        Image.fromarray(rng.integers(0, 256, (48, 64, 3), dtype=np.uint8)).save(tmp_path / name)
        faces = faces_of_photograph(name, LensCamera(np.eye(4), lens))
        views += [dataclasses.replace(face, image_path=tmp_path / name) for face in faces]
    alone = [view.image().copy() for view in views]
    read: list[str] = []
    open_it = images.opened_image

    def counted(path: Path) -> AbstractContextManager[Image.Image]:
        read.append(path.name)
        return open_it(path)

    monkeypatch.setattr(images, "opened_image", counted)
    (tmp_path / "a.png").touch()  # written anew since it was read, as far as one can tell
    (tmp_path / "b.png").touch()
    found = Photographs(views, budget=1 << 30)
    order = rng.permutation(2 * list(range(len(views)))).tolist()
    for number, following in zip(order, [*order[1:], order[0]], strict=True):
        pixels, _ = found[number]
        found.ahead(following)
        np.testing.assert_array_equal(pixels.numpy(), alone[number])
    found.close()
    assert len(views) >= 6 and sorted(read) == ["a.png", "b.png"]
    # Read one after another, as evaluation does, they are decoded once, too.
    for view, image in zip(views, alone, strict=True):
        np.testing.assert_array_equal(view.image(), image)
    assert len(read) <= 4


def test_a_fit_with_little_memory_has_the_same_bits(capture: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = TrainSettings().scaled(30)
    whole = fit_splats(capture, settings)
    monkeypatch.setattr(module, "memory_budget", lambda: 100_000)
    again = fit_splats(capture, settings)
    for name in ("means", "quats", "log_scales", "opacity_logits", "sh0", "shN"):
        np.testing.assert_array_equal(getattr(again, name).numpy(), getattr(whole, name).numpy())


def test_a_photograph_that_cannot_be_read_is_told_where_it_is_needed(capture: Capture, tmp_path: Path) -> None:

    (tmp_path / "a.png").write_bytes(b"no picture")
    broken = dataclasses.replace(capture.views[0], image_path=tmp_path / "a.png")
    found = Photographs([capture.views[1], broken], budget=0)
    found.ahead(1)
    found[0]
    with pytest.raises(CaptureError, match=r"a\.png cannot be read"):
        found[1]
    found.close()
