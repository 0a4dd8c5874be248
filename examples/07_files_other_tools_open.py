"""Segments as files for other programs: glTF with ids, boxes, one file a segment; and the way back into splatseg."""

from pathlib import Path
from tempfile import mkdtemp

import splatseg
from splatseg.demo.demo import demo_capture
from splatseg.run.reporter import Silent
from splatseg.segments.members import members_of_segments
from splatseg.segments.segments_json import read_segments

folder = demo_capture()
settings = splatseg.RunSettings.of(
    splatseg.CaptureSettings(path=str(folder), downscale=2), masks=str(folder / "masks"), iterations=300
)
output = Path(mkdtemp(prefix="splatseg-example-"))
run = splatseg.start_run(output / "run", settings)
splatseg.train_run(run, Silent())
splats, segments = run.splats(), read_segments(run.segments_path)

# The suffix says the format. Segment ids go into the file where it can carry them, else beside it.
for name in ("all.glb", "all.splat", "all.compressed.ply", "boxes.json"):
    print(splatseg.write_splats_as(output / name, splats, segments).summary)

# Some segments alone, here the three smallest, without what other programs may not expect.
smallest = [segment.id for segment in segments[-3:]]
chosen = splats.subset(members_of_segments(splats, smallest))
print(splatseg.write_splats_as(output / "three.ply", chosen, segments, plain=True).summary)

# What is written in another format comes back with its segments.
again, _ = splatseg.load_splats(output / "all.splat")
assert again.segment_ids is not None
print(f"{len(again):,} Gaussians again, with {len(again.segment_ids.unique())} segment ids")
