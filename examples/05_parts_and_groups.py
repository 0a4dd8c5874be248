"""Parts, things, groups: one hierarchy, cut where you like; and several prompts, of what is wanted and what is not."""

from pathlib import Path
from tempfile import mkdtemp

import numpy as np
import torch

import splatseg
from splatseg.demo.demo import demo_capture

folder = demo_capture()
settings = splatseg.RunSettings.of(
    splatseg.CaptureSettings(path=str(folder), downscale=2), masks=str(folder / "masks"), iterations=300
)
run = splatseg.start_run(Path(mkdtemp(prefix="splatseg-example-")) / "run", settings)
splatseg.train_run(run)

splats, agreement, hierarchy = run.splats(), run.agreement(), run.hierarchy()
assert agreement is not None and hierarchy is not None
for granularity in (0.0, 0.5, 1.0):
    ids = splatseg.segments_of(hierarchy, granularity, agreement)
    print(f"granularity {granularity:g}: {len(np.unique(ids[ids > 0]))} segments")

camera = run.capture.view("001.jpg").camera
middle = (camera.width // 2, camera.height // 2)
knowledge = splatseg.Knowledge(agreement, hierarchy)
thing = splatseg.select_by_prompts(splats, [splatseg.Prompt(camera, click=middle)], knowledge)
group = splatseg.grown(thing.members, hierarchy)
part = splatseg.shrunk(thing.members, hierarchy)
print(f"part, thing, group: {part.sum()}, {thing.count}, {group.sum()} of {len(splats)} Gaussians")

# Of the group, without the thing that the click is on: everything else that belongs to it.
region = splatseg.selection_mask(splats, camera, torch.from_numpy(group))
prompts = [splatseg.Prompt(camera, mask=region), splatseg.Prompt(camera, click=middle, wanted=False)]
print(f"the group without the thing: {splatseg.select_by_prompts(splats, prompts, knowledge).count} Gaussians")
