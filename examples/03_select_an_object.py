"""Click an object in one view; get its mask in another view and the object as a splat of its own."""

from pathlib import Path
from tempfile import mkdtemp

from PIL import Image

import splatseg

folder = splatseg.demo_capture()
settings = splatseg.RunSettings.of(
    splatseg.CaptureSettings(path=str(folder), downscale=2), masks=str(folder / "masks"), iterations=300
)
output = Path(mkdtemp(prefix="splatseg-example-"))
run = splatseg.start_run(output / "run", settings)
splatseg.train_run(run)

scene = splatseg.open(output / "run")
thing = scene.click("001.jpg", (80, 60))
thing.name = "the thing in the middle"

Image.fromarray(thing.mask("020.jpg")).save(output / "mask.png")
Image.fromarray(thing.render("020.jpg")).save(output / "shown.png")
thing.export(output / "object.ply")
thing.rest.export(output / "rest.ply")
print(f"{thing!r}; see {output}")
