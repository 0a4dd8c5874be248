"""Make a splat from the points of the embedded capture, look at it from a camera, and write it as .ply."""

from pathlib import Path
from tempfile import mkdtemp

from PIL import Image

import splatseg

capture = splatseg.load_capture(splatseg.demo_capture())
splats = splatseg.splats_from_points(capture.points, capture.point_colors)
scene = splatseg.Scene(splats, "points")

output = Path(mkdtemp(prefix="splatseg-example-"))
Image.fromarray(scene.render(capture.views[0])).save(output / "render.png")
scene.export(output / "splats.ply")
print(f"{scene!r} from {len(capture.views)} views; see {output}/render.png")
