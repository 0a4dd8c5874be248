"""Click an object in one view; get its mask in another view and the object as a splat of its own."""

from pathlib import Path
from tempfile import mkdtemp

import splatseg
from splatseg.demo.demo import demo_capture
from splatseg.formats.objects import export_object
from splatseg.render.label_maps import write_mask

folder = demo_capture()
settings = splatseg.RunSettings.of(
    splatseg.CaptureSettings(path=str(folder), downscale=2), masks=str(folder / "masks"), iterations=300
)
output = Path(mkdtemp(prefix="splatseg-example-"))
run = splatseg.start_run(output / "run", settings)
splatseg.train_run(run)

splats = run.splats()
view = run.capture.view("001.jpg")
middle = (view.camera.width // 2, view.camera.height // 2)
selection = splatseg.select_by_click(splats, view.camera, middle, voted=True)  # its segments come from the masks' votes

other = run.capture.view("020.jpg")
write_mask(output / "mask.png", splatseg.selection_mask(splats, other.camera, selection.members))
count = export_object(output / "object.ply", splats, selection.members)
print(f"selected {count} of {len(splats)} Gaussians; see {output}")
