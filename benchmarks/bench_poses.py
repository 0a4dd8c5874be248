"""Poses found again: photographs whose poses are known, thrown away, and found by `splatseg capture`.

    python benchmarks/bench_poses.py CAPTURE... --work DIR [--camera OPENCV]

For every capture: photographs with a pose, seconds, and the errors against the poses given, after the similarity that
fits best (rotation, scale and shift between the camera positions, least squares):

    degrees   median angle between the orientations
    of size   median distance of the positions, in shares of the scene's size (the diagonal of the box around the
              camera positions)
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np

from splatseg.capture.capture import load_cameras, load_capture
from splatseg.capture.view import View, one_a_photograph
from splatseg.poses.make import make_capture
from splatseg.poses.request import CaptureRequest
from splatseg.splats.similarity import Similarity


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("captures", type=Path, nargs="+", metavar="CAPTURE")
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--camera", default="OPENCV")
    arguments = parser.parse_args()
    print("| capture | with a pose | seconds | degrees | of size |\n|---|---|---|---|---|", flush=True)
    for path in arguments.captures:
        given = one_a_photograph(load_capture(path).views)
        began = time.perf_counter()
        output = arguments.work / path.name
        print(make_capture(path / "images", output, CaptureRequest(camera=arguments.camera)))
        seconds = time.perf_counter() - began
        found = {Path(view.photograph).stem: view for view in one_a_photograph(load_cameras(output))}
        pairs = [(view, found[Path(view.name).stem]) for view in given if Path(view.name).stem in found]
        degrees, share = errors(pairs)
        files = sum(1 for file in (path / "images").rglob("*") if file.is_file())
        posed = f"{len(found)} of {files} ({len(pairs)} of {len(given)} known)"
        print(f"| {path.name} | {posed} | {seconds:.0f} | {degrees:.3f} | {share:.2%} |", flush=True)


def errors(pairs: list[tuple[View, View]]) -> tuple[float, float]:
    """Return the median error of orientations in degrees, and of positions in shares of the scene's size."""
    to, start = (np.array([pair[i].seen_by.position for pair in pairs]) for i in (0, 1))
    move = Similarity.between(start, to)
    apart = np.linalg.norm(move.points(start) - to, axis=1)
    angles = []
    for known, new in pairs:
        turned = known.seen_by.viewmat[:3, :3] @ move.rotation @ new.seen_by.viewmat[:3, :3].T
        angles.append(np.degrees(np.arccos(np.clip((np.trace(turned) - 1) / 2, -1, 1))))
    return float(np.median(angles)), float(np.median(apart) / np.linalg.norm(np.ptp(to, axis=0)))


if __name__ == "__main__":
    main()
