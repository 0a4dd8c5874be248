"""The frames of a video that are taken: sharp, and spread by motion."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageFilter
from textured_room import cameras, photograph

from splatseg.errors import CaptureError
from splatseg.poses import video as module
from splatseg.poses.video import SMALL, frames_of_video, sharpness_of, shift_between, spread_frames

needs_ffmpeg = pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="there is no ffmpeg here")


def _spectrum(picture: np.ndarray) -> np.ndarray:
    return np.fft.rfft2(picture - picture.mean())


def test_a_shift_is_found_and_stillness_is_none() -> None:
    picture = np.random.default_rng(0).uniform(0, 255, (SMALL, SMALL))
    for shift in ((0, 0), (5, 0), (-7, 12), (0, -40)):
        moved = np.roll(picture, shift, axis=(0, 1))
        found = shift_between(_spectrum(picture), _spectrum(moved))
        assert found == pytest.approx(float(np.hypot(*shift)) / SMALL, abs=1e-9)


def test_a_blurred_picture_is_less_sharp() -> None:
    picture = Image.fromarray(photograph(cameras(2)[0])).convert("L")
    blurred = picture.filter(ImageFilter.GaussianBlur(2))
    assert sharpness_of(np.asarray(picture, float)) > 3 * sharpness_of(np.asarray(blurred, float))


def test_frames_are_spread_by_motion_and_each_is_the_sharpest_of_its_stretch() -> None:
    shifts = np.concatenate([[0.0], np.full(50, 0.0), np.full(50, 0.02)])  # stands, then walks
    sharpness = np.ones(101)
    sharpness[[60, 77, 95]] = 2.0
    chosen = spread_frames(sharpness, shifts, 10)
    assert len(chosen) == 10 and chosen == sorted(chosen)
    assert sum(number <= 50 for number in chosen) <= 2  # where it stood
    assert {60, 77, 95} <= set(chosen)
    assert spread_frames(np.ones(4), np.zeros(4), 9) == [0, 1, 2, 3]


def _video(folder: Path) -> Path:
    """A film of 40 frames along the room, every third one blurred."""
    folder.mkdir()
    for number, camera in enumerate(cameras(40)):
        picture = Image.fromarray(photograph(camera))
        picture = picture.filter(ImageFilter.GaussianBlur(3)) if number % 3 == 1 else picture
        picture.save(folder / f"{number:03d}.png")
    film = folder / "film.mp4"
    command = ["ffmpeg", "-loglevel", "error", "-i", str(folder / "%03d.png"), "-pix_fmt", "yuv420p", "-q:v", "3"]
    subprocess.run([*command, str(film)], check=True)
    return film


@needs_ffmpeg
def test_the_sharp_frames_of_a_film_are_written_under_their_numbers(tmp_path: Path) -> None:
    film = _video(tmp_path / "film")
    seen: list[int] = []
    frames = frames_of_video(film, tmp_path / "images", 8, seen.append)
    assert seen == list(range(1, 41)) and 6 <= len(frames) <= 8
    for path in frames:
        number = int(path.stem) - 1
        assert number % 3 != 1
        true = np.asarray(Image.open(tmp_path / "film" / f"{number:03d}.png"), float)
        assert np.abs(np.asarray(Image.open(path), float) - true).mean() < 20
    before = [path.stat().st_mtime_ns for path in frames]
    assert frames_of_video(film, tmp_path / "images", 8) == frames
    assert [path.stat().st_mtime_ns for path in frames] == before


@needs_ffmpeg
def test_a_file_that_is_no_video_is_told(tmp_path: Path) -> None:
    (tmp_path / "a.mp4").write_bytes(b"no film" * 100)
    with pytest.raises(CaptureError, match=r"a\.mp4 cannot be read as a video"):
        frames_of_video(tmp_path / "a.mp4", tmp_path / "images", 8)
    assert not (tmp_path / "images").exists()


def test_without_ffmpeg_a_sentence_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module.shutil, "which", lambda name: None)
    with pytest.raises(CaptureError, match="the program ffmpeg that reads it is not installed; install it, or give"):
        frames_of_video(tmp_path / "a.mp4", tmp_path / "images", 8)
