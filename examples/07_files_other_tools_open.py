"""Segments as files for other programs: glTF with ids, boxes, one file a segment; and the way back into splatseg."""

from pathlib import Path
from tempfile import mkdtemp

import splatseg

folder = splatseg.demo_capture()
settings = splatseg.RunSettings.of(
    splatseg.CaptureSettings(path=str(folder), downscale=2), masks=str(folder / "masks"), iterations=300
)
output = Path(mkdtemp(prefix="splatseg-example-"))
run = splatseg.start_run(output / "run", settings)
splatseg.train_run(run)
scene = splatseg.open(run.path)

# The suffix says the format. Segment ids go into the file where it can carry them, else beside it.
for name in ("all.glb", "all.splat", "all.compressed.ply", "boxes.json"):
    print(splatseg.write_splats(output / name, scene.splats, scene.segments.rows()).summary)

# Some segments alone, here the three smallest, without what other programs may not expect.
smallest = [row.id for row in list(scene.segments)[-3:]]
print(scene.segment(*smallest).export(output / "three.ply", plain=True))

# What is written in another format comes back with its segments.
again = splatseg.open(output / "all.splat")
print(f"{again!r}: {[row.name for row in again.segments][:3]}")
