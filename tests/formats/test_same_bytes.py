"""The same input gives the same bytes in every format, at any time of day and whatever hashes strings have."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(os.name == "nt", reason="the time is moved by a clock of POSIX's")

WRITE = """
import hashlib, json, os, sys, time
from pathlib import Path

folder, ahead = Path(sys.argv[1]), float(sys.argv[2])
now = time.time
time.time = lambda: now() + ahead
real = time.localtime
time.localtime = lambda seconds=None: real(now() + ahead if seconds is None else seconds)

import numpy as np
from scenes import colorful_splats
from splatseg.formats.write import FORMATS, write_splats
from splatseg.render.film.video import write_video
from splatseg.segments.segment import describe_segments
from splatseg.segments.segments_json import write_segments
from splatseg.train.checkpoint import Checkpoint, write_checkpoint

splats = colorful_splats()
table = describe_segments(splats, {1: "mug", 2: "red book"})
for name in FORMATS:
    write_splats(folder / f"a.{name}", splats, table)
frames = np.random.default_rng(0).integers(0, 255, (5, 32, 48, 3), dtype=np.uint8)
for name in ("a.mp4", "a.gif", "a.webp", "film"):
    write_video(folder / name, iter(frames), codec="av1")
write_segments(folder / "segments.json", table)
write_checkpoint(folder / "checkpoint", Checkpoint(3, {"b": splats.means, "a": splats.quats}, {"views": ["x", "y"]}))
for path in folder.rglob("*"):
    os.utime(path, (now() + ahead, now() + ahead))
"""


def test_two_processes_at_other_times_with_other_hashes_write_the_same_bytes(tmp_path: Path) -> None:
    pytest.importorskip("pxr")
    pytest.importorskip("gaussforge")
    found = []
    for number, zone in enumerate(("UTC", "Asia/Tokyo")):
        folder = tmp_path / str(number) / "out"
        paths = os.pathsep.join([str(Path(__file__).parents[1]), os.environ.get("PYTHONPATH", "")])
        environment = {**os.environ, "PYTHONHASHSEED": str(number + 1), "PYTHONPATH": paths, "TZ": zone}
        subprocess.run([sys.executable, "-c", WRITE, str(folder), str(number * 1e7)], env=environment, check=True)
        found.append(
            {
                path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
                for path in folder.rglob("*")
                if path.is_file()
            }
        )
    assert len(found[0]) > 20 and "a.usdz" in found[0]
    assert [name for name in found[0] if found[0][name] != found[1].get(name)] == []
