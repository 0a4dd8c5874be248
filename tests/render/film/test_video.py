"""Films: what is written plays, frame by frame, in the colours that were given; or nothing is written."""

from __future__ import annotations

import base64
import io
import os
import shutil
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from mp4_boxes import boxes, numbers
from PIL import Image

from splatseg.errors import RunError
from splatseg.machine.threads import Workers
from splatseg.render.film import video as video_module
from splatseg.render.film.av1 import GROUP, encode_groups
from splatseg.render.film.video import check_film, write_video

COLORS = [(200, 30, 40), (30, 180, 60), (40, 60, 210), (230, 220, 40), (128, 128, 128), (250, 250, 250), (8, 8, 8)]


def frames(count: int, width: int = 64, height: int = 48) -> Iterator[np.ndarray]:
    """Fields of plain colour, another every frame, so that each frame is recognised by its colours."""
    for index in range(count):
        frame = np.empty((height, width, 3), np.uint8)
        frame[:, : width // 2] = COLORS[index % len(COLORS)]
        frame[:, width // 2 :] = COLORS[(index // len(COLORS)) % len(COLORS)]
        yield frame


@pytest.mark.parametrize("count", [1, 2, GROUP - 1, GROUP, GROUP + 1, GROUP + 2, 2 * GROUP + 1])
def test_every_frame_is_in_an_mp4_whatever_their_number(tmp_path: Path, count: int) -> None:
    assert write_video(tmp_path / "film.mp4", frames(count), 25, "av1") == "AV1"
    found = boxes((tmp_path / "film.mp4").read_bytes())
    sizes = numbers(f"{count}I", found["stsz"], 12)
    assert numbers("I", found["stsz"], 8) == (count,) and sum(sizes) == len(found["mdat"])
    keys = numbers("I", found["stss"], 4)[0]
    assert keys == max(1, -(-(count - 1) // GROUP)) and numbers("I", found["stss"], 8) == (1,)
    assert numbers("4I", found["stts"]) == (0, 1, count, 1)


def test_groups_are_one_video_no_header_differs_and_delimiters_are_gone() -> None:
    with Workers() as workers:
        groups = list(encode_groups(frames(2 * GROUP + 5), 30, workers))
    assert [len(group.samples) for group in groups] == [GROUP, GROUP, 5]
    assert len({group.configuration for group in groups}) == len({group.colors for group in groups}) == 1
    header = groups[0].configuration[4:]
    assert all(group.samples[0].startswith(header) for group in groups) and header[0] >> 3 == 1
    assert not any(sample.startswith(b"\x12\x00") for group in groups for sample in group.samples)


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_only_a_group_of_frames_a_thread_and_one_more_are_ever_waiting(
    threads: int, set_threads: Callable[[int], None]
) -> None:
    taken, at_once = 0, threads if threads > 1 else 0

    def counted() -> Iterator[np.ndarray]:
        nonlocal taken
        for frame in frames(4 * GROUP):
            taken += 1
            yield frame

    set_threads(threads)
    with Workers() as workers:
        for done, _ in enumerate(encode_groups(counted(), 30, workers), start=1):
            assert taken <= GROUP * (done + at_once) + 2


PLAY = """async ([data, times]) => {
  const video = document.createElement('video');
  video.muted = true;
  video.src = 'data:video/mp4;base64,' + data;
  await new Promise((done, fail) => {
    video.onloadeddata = done;
    video.onerror = () => fail(new Error(video.error.message));
  });
  const canvas = document.createElement('canvas');
  canvas.width = video.videoWidth;
  canvas.height = video.videoHeight;
  const pictures = [];
  for (const time of times) {
    video.currentTime = time;
    await new Promise(done => video.onseeked = done);
    canvas.getContext('2d').drawImage(video, 0, 0);
    pictures.push(canvas.toDataURL('image/png').split(',')[1]);
  }
  video.currentTime = 0;
  await new Promise(done => video.onseeked = done);
  video.play();
  await new Promise((done, fail) => { video.onended = done; video.onerror = fail; });
  return {size: [canvas.width, canvas.height], duration: video.duration, ended: video.currentTime, pictures};
}"""


def test_a_browser_plays_it_to_the_end_in_the_right_colours(tmp_path: Path, browser: Any) -> None:
    count = GROUP + 12
    write_video(tmp_path / "film.mp4", frames(count), 60, "av1")
    data = base64.b64encode((tmp_path / "film.mp4").read_bytes()).decode()
    wanted = [0, 1, 17, GROUP - 1, GROUP, GROUP + 11]
    page = browser.new_page()  # type: ignore[attr-defined]
    played = page.evaluate(PLAY, [data, [(index + 0.5) / 60 for index in wanted]])
    page.close()
    assert played["size"] == [64, 48] and played["duration"] == pytest.approx(count / 60)
    assert played["ended"] == pytest.approx(count / 60)
    given = list(frames(count))
    for index, picture in zip(wanted, played["pictures"], strict=True):
        shown = np.asarray(Image.open(io.BytesIO(base64.b64decode(picture))).convert("RGB")).astype(int)
        for part in (np.s_[8:40, 4:26], np.s_[8:40, 38:60]):
            assert np.abs(shown[part].mean((0, 1)) - given[index][part].mean((0, 1))).max() < 4


@pytest.mark.skipif(shutil.which("ffprobe") is None, reason="there is no ffprobe here")
def test_ffprobe_finds_no_fault_in_it(tmp_path: Path) -> None:
    write_video(tmp_path / "film.mp4", frames(70), 30, "av1")
    count = ["-count_frames", "-show_entries", "stream=nb_read_frames,codec_name", "-of", "csv=p=0"]
    done = subprocess.run(
        ["ffprobe", "-v", "error", *count, str(tmp_path / "film.mp4")], capture_output=True, text=True, check=False
    )
    assert (done.stdout.strip(), done.stderr) == ("av1,70", "")


@pytest.mark.parametrize(("suffix", "kind"), [(".gif", "GIF"), (".webp", "WebP")])
def test_an_animated_picture_has_every_frame_and_its_time(tmp_path: Path, suffix: str, kind: str) -> None:
    path = tmp_path / f"film{suffix}"
    assert write_video(path, frames(9), 20) == kind
    with Image.open(path) as picture:
        assert picture.n_frames == 9
        for index, given in enumerate(frames(9)):
            picture.seek(index)
            shown = np.asarray(picture.convert("RGB")).astype(int)
            assert np.abs(shown[8:40, 4:26] - given[8:40, 4:26].astype(int)).max() < 12
            assert picture.info["duration"] == 50


def test_without_a_suffix_it_is_a_folder_of_pictures(tmp_path: Path) -> None:
    assert write_video(tmp_path / "film", frames(3)) == "PNG"
    files = sorted((tmp_path / "film").iterdir())
    assert [file.name for file in files] == ["00000.png", "00001.png", "00002.png"]
    assert all(
        np.array_equal(np.asarray(Image.open(file)), given) for file, given in zip(files, frames(3), strict=True)
    )
    assert [path.name for path in tmp_path.iterdir()] == ["film"]


@pytest.mark.parametrize("name", ["film.mp4", "film.gif", "film"])
def test_a_film_that_is_interrupted_leaves_nothing_and_spares_what_was_there(tmp_path: Path, name: str) -> None:
    def interrupted() -> Iterator[np.ndarray]:
        yield from frames(GROUP + 5)
        raise KeyboardInterrupt

    if name != "film":
        (tmp_path / name).write_bytes(b"earlier")
    with pytest.raises(KeyboardInterrupt):
        write_video(tmp_path / name, interrupted(), 30, "av1")
    assert [path.read_bytes() for path in tmp_path.iterdir()] == ([] if name == "film" else [b"earlier"])


def test_what_cannot_be_written_is_told_before_any_frame_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never() -> Iterator[np.ndarray]:
        raise AssertionError("no frame may be asked for")
        yield

    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "holiday.png").write_bytes(b"")
    (tmp_path / "folder.mp4").mkdir()
    monkeypatch.setattr(video_module.shutil, "which", lambda name: None)
    for name, codec, said in (
        ("film.avi", "auto", "film.avi: .avi is not a film format; use .mp4, .webp, .gif"),
        ("full", "auto", "not an empty folder"),
        ("folder.mp4", "auto", "is a folder, not a file"),
        ("film.mp4", "h264", "no ffmpeg with an H.264 encoder"),
    ):
        with pytest.raises(RunError, match=said):
            write_video(tmp_path / name, never(), 30, codec)  # type: ignore[arg-type]
    with pytest.raises(RunError, match="there are no frames"):
        write_video(tmp_path / "film.mp4", [], 30)
    assert check_film(tmp_path / "film.mp4") == "av1"


def test_an_animation_that_would_fill_the_memory_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(video_module, "ANIMATION_BYTES", 10_000)
    with pytest.raises(RunError, match=r"would not fit into memory as an animated picture; write an \.mp4"):
        write_video(tmp_path / "film.webp", frames(9))
    assert not list(tmp_path.iterdir())


FFMPEG = """#!{python}
import sys
if "-encoders" in sys.argv:
    print(" V....D libx264  H.264")
elif {fails}:
    sys.stderr.write("no such thing\\n")
    sys.exit(3)
else:
    content = sys.stdin.buffer.read()
    open(sys.argv[-1], "wb").write(" ".join(sys.argv[1:-1]).encode() + b"|%d" % len(content))
"""


def stand_in(folder: Path, monkeypatch: pytest.MonkeyPatch, fails: bool) -> None:
    """A program named ffmpeg that writes down what it was told and given."""
    program = folder / "bin" / "ffmpeg"
    program.parent.mkdir()
    program.write_text(FFMPEG.format(python=sys.executable, fails=fails))
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", str(program.parent), prepend=os.pathsep)


@pytest.mark.skipif(os.name == "nt", reason="the stand-in for ffmpeg is a script")
def test_ffmpeg_gets_every_pixel_at_even_sizes_and_is_told_the_colours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stand_in(tmp_path, monkeypatch, fails=False)
    assert write_video(tmp_path / "out" / "film.mp4", frames(5, 65, 47), 24) == "H.264"
    told, length = (tmp_path / "out" / "film.mp4").read_bytes().split(b"|")
    assert int(length) == 5 * 64 * 46 * 3
    for option in (b"-s 64x46", b"-r 24", b"libx264", b"format=yuv420p", b"-colorspace bt709", b"+faststart"):
        assert option in told
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["film.mp4"]


@pytest.mark.skipif(os.name == "nt", reason="the stand-in for ffmpeg is a script")
def test_what_ffmpeg_complains_of_is_told_and_nothing_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stand_in(tmp_path, monkeypatch, fails=True)
    with pytest.raises(RunError, match=r"ffmpeg could not write .*film.mp4 \(no such thing\); use the codec av1"):
        write_video(tmp_path / "out" / "film.mp4", frames(500, 640, 480), 24)
    assert not list((tmp_path / "out").iterdir())
