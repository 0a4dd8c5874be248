"""A film: segments along an orbit around the scene, and a path of your own through keyframes that you may edit."""

from pathlib import Path
from tempfile import mkdtemp

import splatseg
from splatseg.cameras.path import reframed
from splatseg.demo.demo import demo_capture
from splatseg.render.painter import Look, painter_of

folder = demo_capture()
settings = splatseg.RunSettings.of(
    splatseg.CaptureSettings(path=str(folder), downscale=2), masks=str(folder / "masks"), iterations=300
)
output = Path(mkdtemp(prefix="splatseg-example-"))
run = splatseg.start_run(output / "run", settings)
splatseg.train_run(run)

# What `splatseg render RUN --what segments --path orbit -o orbit.mp4` does.
film = splatseg.Film("orbit", seconds=2, fps=12)
print(splatseg.render_video(run, "segments", film, output / "orbit.mp4"))

# Keyframes are cameras. As a file they can be given to --path, and edited.
keyframes = [reframed(run.capture.view(name).camera, 240, 160) for name in ("000.jpg", "005.jpg", "009.jpg")]
splatseg.write_transforms(output / "path.json", {f"{number}": key for number, key in enumerate(keyframes)})

# The same by hand: cameras, a function that paints what each sees, and frames written as they are painted.
splats, cameras = run.splats(), splatseg.path_through(keyframes, 24)
paint = painter_of(splats, "overlay", cameras, Look(colors=run.segment_colors()))
kind = splatseg.write_video(output / "path.mp4", (paint(camera) for camera in cameras), fps=12)
print(f"{len(cameras)} frames as {kind}; see {output}")
