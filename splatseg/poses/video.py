"""The sharpest frames of a video, at an even spacing of motion, by the program ffmpeg.

The video is decoded once at `SMALL` pixels a side, in grey. Motion is the shift between one frame and the next (phase
correlation), in shares of the picture's width, summed along the film; a standing camera adds nothing. The film is
divided into as many stretches of equal motion as frames are wanted, and of each the sharpest frame is taken: that with
the largest mean square of second differences.

Source: Kuglin and Hines 1975 (phase correlation).
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from splatseg.errors import CaptureError
from splatseg.parts import make_folder, part_folder

FRAMES = 120
"""Frames that are taken unless asked otherwise."""

SMALL = 256
"""Pixels a side at which a film is looked at."""

STILL = 1e-3
"""Motion that every frame adds at least, of the picture's width, so that a standing camera has frames, too."""

EACH_ONCE = "setpts=N/(25*TB)"
"""Filter that puts frames 1/25 s apart, so that with `-r 25` none is doubled and none left out, in every version."""

QUALITY = "2"
"""Of JPEG frames, as ffmpeg counts: 2 is the best but one."""


def frames_of_video(
    video: Path, images: Path, wanted: int, on_frame: Callable[[int], None] | None = None
) -> list[Path]:
    """Write the chosen frames of a video as `images`/000001.jpg, ... (numbers of the film's frames); return them.

    on_frame(done) is called while the film is looked at. Frames that are there already are not made again.

    Raises CaptureError without ffmpeg, and for a file that it cannot read or that has too few frames.
    """
    there = sorted(images.glob("*.jpg")) if images.is_dir() else []
    if there:
        return there
    ffmpeg = shutil.which("ffmpeg")
    if ffmpeg is None:
        raise CaptureError(
            f"{video} is a video, and the program ffmpeg that reads it is not installed; install it, or give a folder "
            "of photographs"
        )
    sharpness, shifts = [], []
    before: np.ndarray | None = None
    for number, frame in enumerate(_small_frames(ffmpeg, video), start=1):
        sharpness.append(sharpness_of(frame))
        spectrum = np.fft.rfft2(frame - frame.mean())
        shifts.append(0.0 if before is None else shift_between(before, spectrum))
        before = spectrum
        if on_frame is not None:
            on_frame(number)
    chosen = spread_frames(np.array(sharpness), np.array(shifts), wanted)
    make_folder(images.parent)
    with part_folder(images) as part:
        _write_frames(ffmpeg, video, chosen, part)
        part.rename(images)
    return sorted(images.glob("*.jpg"))


def sharpness_of(frame: np.ndarray) -> float:
    """Return the mean square of second differences of a grey picture (H,W)."""
    across = frame[:, 2:] - 2 * frame[:, 1:-1] + frame[:, :-2]
    down = frame[2:] - 2 * frame[1:-1] + frame[:-2]
    return float((across**2).mean() + (down**2).mean())


def shift_between(one: np.ndarray, other: np.ndarray) -> float:
    """Return the shift between two pictures of SMALL x SMALL pixels, by their spectra, in shares of the width."""
    product = one * np.conj(other)
    surface = np.fft.irfft2(product / np.maximum(np.abs(product), 1e-9), s=(SMALL, SMALL))
    peak = np.array(np.unravel_index(int(surface.argmax()), surface.shape), dtype=float)
    peak = np.where(peak > SMALL / 2, SMALL - peak, peak)
    return float(np.linalg.norm(peak)) / SMALL


def spread_frames(sharpness: np.ndarray, shifts: np.ndarray, wanted: int) -> list[int]:
    """Return the numbers of `wanted` frames or fewer, ascending: the sharpest of each stretch of equal motion."""
    along = np.cumsum(np.maximum(shifts, STILL))
    stretch = np.minimum((along - along[0]) / max(along[-1] - along[0], 1e-12) * wanted, wanted - 1).astype(int)
    chosen = []
    for number in np.unique(stretch):
        members = np.flatnonzero(stretch == number)
        chosen.append(int(members[sharpness[members].argmax()]))
    return chosen


def _small_frames(ffmpeg: str, video: Path) -> Iterator[np.ndarray]:
    """Yield all frames (SMALL,SMALL) float32 0..255. Raises CaptureError if ffmpeg cannot read the video."""
    small = f"scale={SMALL}:{SMALL}:flags=area,format=gray,{EACH_ONCE}"
    command = [*_reading(ffmpeg, video), "-vf", small, "-r", "25", "-f", "rawvideo", "pipe:1"]
    with tempfile.TemporaryFile() as said, subprocess.Popen(command, stdout=subprocess.PIPE, stderr=said) as process:
        assert process.stdout is not None
        count = 0
        try:
            while len(data := process.stdout.read(SMALL * SMALL)) == SMALL * SMALL:
                count += 1
                yield np.frombuffer(data, np.uint8).reshape(SMALL, SMALL).astype(np.float32)
        finally:
            process.kill()
        said.seek(0)
        lines = said.read().decode(errors="replace").strip().splitlines()
    if count == 0:
        raise CaptureError(f"{video} cannot be read as a video ({lines[-1] if lines else 'it has no frames'})")


def _write_frames(ffmpeg: str, video: Path, numbers: list[int], folder: Path) -> None:
    """Write frames by their numbers. Raises CaptureError if ffmpeg does not write all of them."""
    picked = "+".join(f"eq(n\\,{number})" for number in numbers)
    command = [*_reading(ffmpeg, video), "-vf", f"select={picked},{EACH_ONCE}", "-r", "25", "-q:v", QUALITY]
    done = subprocess.run(
        [*command, str(folder / "%06d.jpg")], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )
    made = sorted(folder.glob("*.jpg"))
    if len(made) != len(numbers):
        said = done.stderr.strip().splitlines()
        raise CaptureError(
            f"ffmpeg wrote {len(made)} of {len(numbers)} frames of {video} ({said[-1] if said else 'it said nothing'})"
        )
    # From the order of the chosen frames to their numbers in the film, from the last so that no name is in use.
    for path, number in zip(reversed(made), reversed(numbers), strict=True):
        path.rename(folder / f"{number + 1:06d}.jpg")


def _reading(ffmpeg: str, video: Path) -> list[str]:
    return [ffmpeg, "-nostdin", "-hide_banner", "-loglevel", "error", "-i", str(video.absolute()), "-an"]
