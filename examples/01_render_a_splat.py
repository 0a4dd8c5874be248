"""Make a splat from the points of the embedded capture, look at it from a camera, and write it as .ply."""

from pathlib import Path
from tempfile import mkdtemp

import splatseg
from splatseg.demo.demo import demo_capture
from splatseg.files import write_png
from splatseg.render.pictures import to_uint8
from splatseg.splats.initialise import from_points

capture = splatseg.load_capture(demo_capture())
splats = from_points(capture.points, capture.point_colors)
view = capture.views[0]
image = splatseg.render_rgb(splats, view.camera)

output = Path(mkdtemp(prefix="splatseg-example-"))
write_png(output / "render.png", to_uint8(image))
splatseg.write_ply(output / "splats.ply", splats)
print(f"{len(splats)} Gaussians from {len(capture.views)} views; see {output}/render.png")
