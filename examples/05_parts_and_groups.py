"""Parts, things, groups: one hierarchy, cut where you like; and several prompts, of what is wanted and what is not."""

from pathlib import Path
from tempfile import mkdtemp

import splatseg

folder = splatseg.demo_capture()
settings = splatseg.RunSettings.of(
    splatseg.CaptureSettings(path=str(folder), downscale=2), masks=str(folder / "masks"), iterations=300
)
run = splatseg.start_run(Path(mkdtemp(prefix="splatseg-example-")) / "run", settings)
splatseg.train_run(run)

scene, middle = splatseg.open(run.path), (80, 60)
for granularity in (0.0, 0.5, 1.0):
    thing = scene.click("001.jpg", middle, granularity=granularity)
    print(f"granularity {granularity:g}: {thing.describe()}")

thing = scene.click("001.jpg", middle)
part, group = thing.shrink(), thing.grow()
print(f"part, thing, group: {part.count}, {thing.count}, {group.count} of {len(scene.splats)} Gaussians")

# Of the group, without the thing that the click is on: everything else that belongs to it. Two ways.
print(f"the group without the thing: {(group - thing).count} Gaussians")
others = scene.mask("001.jpg", group.mask("001.jpg")).remove("001.jpg", click=middle)
print(f"the same by prompts: {others.count} Gaussians")
