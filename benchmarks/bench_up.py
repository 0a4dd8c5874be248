"""Which way is up, guessed without cameras (`splats.floor`): for each splat in four poses, the angle to the truth.

    python benchmarks/bench_up.py RUN [RUN ...] FILE=UP [FILE=UP ...]        UP: x, -x, y, -y, z or -z

The truth of a run is the mean up of its cameras. Ratio: the contrast from the true side by that from below; above 1 it
speaks for the truth. Prints a row a splat and pose.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

import numpy as np
import torch
from scipy.spatial.transform import Rotation

import splatseg
from splatseg.scene.first_pose import axis_of
from splatseg.splats.floor import guessed_up
from splatseg.splats.preview import contrast_from
from splatseg.splats.splats import Splats

POSES = {
    "as it is": Rotation.identity(),
    "upside down": Rotation.from_euler("x", 180, degrees=True),
    "another axis": Rotation.from_euler("x", 90, degrees=True),
    "askew": Rotation.from_euler("xyz", (130, 40, 70), degrees=True),
}


def turned(splats: Splats, turn: Rotation) -> Splats:
    """Return the splat with its geometry turned; harmonics stay as they are."""
    means = turn.apply(splats.positions).astype(np.float32)
    quats = (turn * Rotation.from_quat(splats.quats.numpy()[:, [1, 2, 3, 0]])).as_quat()[:, [3, 0, 1, 2]]
    return splats.replace(means=torch.from_numpy(means), quats=torch.from_numpy(quats.astype(np.float32)))


def main() -> None:
    """Print the rows."""
    print(f"{'splat':24s} {'pose':14s} {'off':>8s} {'ratio':>6s} {'s':>6s}")
    for given in sys.argv[1:]:
        path, _, direction = given.partition("=")
        scene = splatseg.open(path)
        up = axis_of(direction) if direction else -np.mean([view.pinhole.viewmat[1, :3] for view in scene.views], 0)
        for name, turn in POSES.items():
            splats, true = turned(scene.splats, turn), turn.apply(up / np.linalg.norm(up))
            began = time.perf_counter()
            found = guessed_up(splats)
            seconds = time.perf_counter() - began
            off = np.degrees(np.arccos(np.clip(found @ true, -1.0, 1.0)))
            ratio = contrast_from(splats, true) / contrast_from(splats, -true)
            print(f"{Path(path).name:24s} {name:14s} {off:6.1f} ° {ratio:6.2f} {seconds:6.2f}", flush=True)


if __name__ == "__main__":
    main()
