"""A splat and nothing else, no photographs and no masks: pictures of it from all sides lead to its segments.

python examples/09_segments_of_a_splat_alone.py [FILE]    (default: a splat of the embedded capture)
"""

import math
import sys
from pathlib import Path
from tempfile import mkdtemp

import numpy as np
from PIL import Image

import splatseg

SIZE, VIEWS = (400, 32) if len(sys.argv) > 1 else (240, 24)  # the embedded photographs are small, too
UP = (0.0, -1.0, 0.0) if len(sys.argv) > 1 else (0.0, 0.0, 1.0)  # most splat files have y down, the embedded scene z up


def around(points: np.ndarray, turn: float, height: float) -> splatseg.Camera:
    """A camera that looks at the middle of points (P,3) from outside; turn and height are angles in radians."""
    low, high = np.quantile(points, (0.02, 0.98), axis=0)
    up = np.array(UP)
    east = np.cross(up, np.roll(up, 1))
    out = math.cos(height) * (math.cos(turn) * east + math.sin(turn) * np.cross(up, east)) + math.sin(height) * up
    right = np.cross(-out, up) / math.cos(height)
    K = np.array([[1.2 * SIZE, 0.0, SIZE / 2], [0.0, 1.2 * SIZE, SIZE / 2], [0.0, 0.0, 1.0]])
    rotation = np.stack([right, np.cross(-out, right), -out], axis=1)  # columns: the camera's x, y and z axes
    return splatseg.Camera.placed(rotation, (low + high) / 2 + 1.5 * np.linalg.norm(high - low) * out, K, SIZE, SIZE)


def embedded() -> Path:
    """A splat file: the table of the embedded capture without its room. The photographs are not used again."""
    capture = splatseg.load_capture(splatseg.demo_capture(), downscale=4)
    room = splatseg.Scene(splatseg.fit_splats(capture, splatseg.TrainSettings().scaled(300)), "room")
    away = np.abs(room.splats.positions - np.median(capture.points, axis=0)).max(1)
    return room.gaussians(away < 0.6).export(output / "table.ply")


output = Path(mkdtemp(prefix="splatseg-example-"))
file = Path(sys.argv[1]) if len(sys.argv) > 1 else embedded()
scene = splatseg.open(file)
points = scene.splats.positions

cameras = {}
(output / "capture" / "images").mkdir(parents=True)
for number in range(VIEWS):
    name = f"images/{number:03d}.png"
    cameras[name] = around(points, 2 * math.pi * number / VIEWS, math.radians((15, 35, 55)[number % 3]))
    Image.fromarray(scene.render(cameras[name])).save(output / "capture" / name)
splatseg.write_transforms(output / "capture" / "transforms.json", cameras)

settings = splatseg.RunSettings.of(
    splatseg.CaptureSettings(path=str(output / "capture"), test_every=0), masks="auto", splats=str(file)
)
run = splatseg.start_run(output / "run", settings)
print(splatseg.train_run(run))
print(f"look at it: splatseg view {run.path}")
