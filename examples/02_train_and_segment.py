"""The main job from Python: fit a splat to a capture, lift its masks, find segments, write a report."""

from pathlib import Path
from tempfile import mkdtemp

import splatseg
from splatseg.demo.demo import demo_capture

folder = demo_capture()
settings = splatseg.RunSettings.of(
    splatseg.CaptureSettings(path=str(folder), downscale=2),
    masks=str(folder / "masks"),
    iterations=300,  # a sketch, so that this example takes seconds; leave it out for a real run
)
output = Path(mkdtemp(prefix="splatseg-example-")) / "run"
run = splatseg.start_run(output, settings)
print(splatseg.train_run(run))
