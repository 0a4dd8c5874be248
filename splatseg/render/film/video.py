"""Films: frames one by one into a video file, an animated picture or a folder of pictures, by the suffix of its name.

    .mp4          H.264 if an `ffmpeg` with an H.264 encoder is on PATH, else AV1 (`av1`, `mp4`), which every present
                  browser and most players play
    .webp .gif    animated pictures, for short films: all frames are in memory
    no suffix     a folder of numbered PNGs

Whatever happens, Ctrl-C included, the film is whole afterwards or not there.
"""

from __future__ import annotations

import io
import itertools
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import nullcontext, suppress
from fractions import Fraction
from pathlib import Path

import numpy as np
from PIL import Image

from splatseg.errors import RunError, unwritten
from splatseg.files import atomic_folder, atomic_write, errors_name, write_png
from splatseg.machine.threads import Workers
from splatseg.parts import is_empty, part_file
from splatseg.render.film.av1 import encode_groups
from splatseg.render.film.kinds import FILM_SUFFIXES, Codec
from splatseg.render.film.mp4 import Track, mp4_head

ANIMATION_BYTES = 1 << 30
"""Bytes of pixels of an animated picture that are held in memory at most."""

H264_ENCODERS = ("libx264", "libopenh264", "h264_videotoolbox", "h264_mf")
"""Names of ffmpeg's H.264 encoders, the preferred one first."""


def write_video(
    path: Path | str,
    frames: Iterable[np.ndarray],
    fps: float = 30.0,
    codec: Codec = "auto",
    workers: Workers | None = None,
) -> str:
    """Write frames (H,W,3) uint8, all of one size, as a film, and return its format: "AV1", "H.264", "GIF", ...

    The frames are taken one by one; a video holds only some tens of them a thread in memory. codec is for .mp4.
    workers: those that make the frames, and encode what can be encoded at once; None for others.

    Raises RunError for an unknown suffix, a codec that is not available, an animation that is too large, a folder that
    is not empty, a path that cannot be written to, or a film without frames.
    """
    path = Path(path)
    write = _writer(path, check_film(path, codec))
    checked = _of_one_size(frames)
    try:
        first = next(checked)
    except StopIteration:
        raise RunError(f"there are no frames to write to {path}; give the film a length") from None
    try:
        with nullcontext(workers) if workers is not None else Workers() as encoders:
            return write(path, itertools.chain([first], checked), fps, encoders)
    except OSError as error:
        raise RunError(unwritten(path, error)) from None


def check_film(path: Path, codec: Codec = "auto") -> Codec:
    """Check before any work that a film can be written to `path`, and return the codec that an .mp4 would have.

    Raises RunError as `write_video` does.
    """
    if path.suffix.lower() not in (*FILM_SUFFIXES, ""):
        raise RunError(
            f"{path}: {path.suffix} is not a film format; use {', '.join(FILM_SUFFIXES)}, or no suffix for PNGs"
        )
    if path.suffix and path.is_dir():
        raise RunError(f"{path} is a folder, not a file; name another place")
    if not path.suffix and path.exists() and (not path.is_dir() or not is_empty(path)):
        raise RunError(f"{path} exists and is not an empty folder; name another place for the pictures")
    if codec == "h264" and _h264_encoder() is None:
        raise RunError("no ffmpeg with an H.264 encoder was found; install one or use the codec av1")
    return "h264" if codec == "auto" and _h264_encoder() is not None else "av1" if codec == "auto" else codec


def _writer(path: Path, codec: Codec) -> Callable[[Path, Iterator[np.ndarray], float, Workers], str]:
    if path.suffix.lower() == ".mp4":
        return _write_h264 if codec == "h264" else _write_av1
    return {".webp": _write_webp, ".gif": _write_gif, "": _write_folder}[path.suffix.lower()]


def _of_one_size(frames: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
    shape = None
    for frame in frames:
        shape = shape or frame.shape
        if frame.dtype != np.uint8 or frame.ndim != 3 or frame.shape[2] != 3 or frame.shape != shape:
            raise ValueError(f"frames must be (H,W,3) uint8 of one size, got {frame.dtype} {frame.shape} after {shape}")
        yield frame


def _write_av1(path: Path, frames: Iterator[np.ndarray], fps: float, workers: Workers) -> str:
    first = next(frames)
    sizes: list[int] = []
    keys: list[int] = []
    # Samples wait in a file of their own: the head comes before them and contains all their sizes.
    with atomic_write(path) as file, part_file(path) as (samples, _), samples.open("w+b") as aside:
        for group in encode_groups(itertools.chain([first], frames), fps, workers):
            keys.append(len(sizes))
            sizes += [len(sample) for sample in group.samples]
            aside.write(b"".join(group.samples))
        rate = Fraction(fps).limit_denominator(1001)
        track = Track(first.shape[1], first.shape[0], rate, group.configuration, group.colors, sizes, keys)
        file.write(mp4_head(track))
        aside.seek(0)
        shutil.copyfileobj(aside, file)
    return "AV1"


def _write_h264(path: Path, frames: Iterator[np.ndarray], fps: float, workers: Workers) -> str:
    del workers  # ffmpeg has threads of its own
    first = next(frames)
    # 4:2:0 halves the resolution of colours both ways: an odd last row or column is left out.
    height, width = (length // 2 * 2 for length in first.shape[:2])
    encoder = _h264_encoder()
    assert encoder is not None
    with part_file(path) as (part, lock), errors_name(path, part):
        with tempfile.TemporaryFile() as said:
            command = _ffmpeg_command(encoder, width, height, fps, part)
            # ffmpeg holds the lock too, as it may live a moment longer than this process.
            process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=said,
                pass_fds=() if lock is None else (lock,),
            )
            assert process.stdin is not None
            try:
                with suppress(BrokenPipeError):  # ffmpeg gave up; its message is reported below
                    for frame in itertools.chain([first], frames):
                        process.stdin.write(np.ascontiguousarray(frame[:height, :width]).tobytes())
                    process.stdin.close()
                code = process.wait()
            finally:
                process.kill()
                process.wait()
            said.seek(0)
            if code != 0:
                reason = said.read().decode(errors="replace").strip().splitlines()[-1:] or [f"exit code {code}"]
                raise RunError(f"ffmpeg could not write {path} ({reason[0]}); use the codec av1")
        part.replace(path)
    return "H.264"


def _ffmpeg_command(encoder: str, width: int, height: int, fps: float, output: Path) -> list[str]:
    raw = ["-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{width}x{height}", "-r", f"{fps:g}", "-i", "pipe:0"]
    # Conversion and labels both say BT.709: a player that guessed from the size would show colours a shade off.
    labelled = "setparams=colorspace=bt709:color_primaries=bt709:color_trc=bt709:range=tv"
    colors = ["-vf", f"scale=out_color_matrix=bt709:out_range=tv,format=yuv420p,{labelled}"]
    labels = ["-colorspace", "bt709", "-color_primaries", "bt709", "-color_trc", "bt709", "-color_range", "tv"]
    quality = ["-crf", "18", "-preset", "veryfast"] if encoder == "libx264" else ["-b:v", "8M"]
    ffmpeg = shutil.which("ffmpeg") or "ffmpeg"
    start = [ffmpeg, "-hide_banner", "-loglevel", "error", "-y"]
    file = ["-movflags", "+faststart", "-f", "mp4", str(output)]
    return [*start, *raw, *colors, "-c:v", encoder, *quality, *labels, *file]


def _h264_encoder() -> str | None:
    """Return the H.264 encoder that the ffmpeg on PATH has; None without ffmpeg or encoder."""
    ffmpeg = shutil.which("ffmpeg")
    if ffmpeg is None:
        return None
    try:
        done = subprocess.run([ffmpeg, "-hide_banner", "-encoders"], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    known = {parts[1] for line in done.stdout.splitlines() if len(parts := line.split()) > 1}
    return next((encoder for encoder in H264_ENCODERS if encoder in known), None)


def _write_webp(path: Path, frames: Iterator[np.ndarray], fps: float, workers: Workers) -> str:
    del workers
    pictures = [Image.fromarray(frame) for frame in _bounded(path, frames, 4)]
    _write_animation(path, "WEBP", pictures, fps, quality=85, method=2)
    return "WebP"


def _write_gif(path: Path, frames: Iterator[np.ndarray], fps: float, workers: Workers) -> str:
    # A GIF has fewer colours than a picture: each frame gets its own palette. Dithering would crawl.
    def reduced(frame: np.ndarray) -> Image.Image:
        return Image.fromarray(frame).quantize(255, Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE)

    pictures = list(workers.in_order(reduced, _bounded(path, frames, 1)))
    _write_animation(path, "GIF", pictures, min(fps, 50.0), optimize=False, disposal=1)
    return "GIF"


def _write_animation(path: Path, kind: str, pictures: list[Image.Image], fps: float, **options: object) -> None:
    times = [round(1000 * index / fps) for index in range(len(pictures) + 1)]
    durations = [after - before for before, after in itertools.pairwise(times)]
    encoded = io.BytesIO()  # an encoder of Pillow that writes into a file hides why that fails
    pictures[0].save(
        encoded,
        kind,
        save_all=True,
        append_images=pictures[1:],
        duration=durations if len(pictures) > 1 else durations[0],
        loop=0,
        **options,
    )
    with atomic_write(path) as file:
        file.write(encoded.getbuffer())


def _bounded(path: Path, frames: Iterator[np.ndarray], bytes_a_pixel: int) -> Iterator[np.ndarray]:
    taken = 0
    for frame in frames:
        taken += frame.shape[0] * frame.shape[1] * bytes_a_pixel
        if taken > ANIMATION_BYTES:
            raise RunError(
                f"{path} would not fit into memory as an animated picture; write an .mp4, or fewer, smaller frames"
            )
        yield frame


def _write_folder(path: Path, frames: Iterator[np.ndarray], fps: float, workers: Workers) -> str:
    del fps
    with atomic_folder(path) as aside:

        def write(numbered: tuple[int, np.ndarray]) -> None:
            number, frame = numbered
            write_png(aside / f"{number:05d}.png", frame)

        for _ in workers.in_order(write, enumerate(frames)):
            pass
    return "PNG"
