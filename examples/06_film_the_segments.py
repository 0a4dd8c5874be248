"""A film: segments along an orbit around the scene, and a path of your own through keyframes that you may edit."""

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

# What `splatseg render RUN --what segments --path orbit -o orbit.mp4` does.
print(splatseg.render_film(run, "segments", splatseg.Film("orbit", seconds=2, fps=12), output / "orbit.mp4"))

# Keyframes are cameras. As a file they can be given to --path, and edited.
keyframes = [run.capture.view(name).camera for name in ("000.jpg", "005.jpg", "009.jpg")]
splatseg.write_transforms(output / "path.json", {f"{number}": key for number, key in enumerate(keyframes)})
film = splatseg.Film(str(output / "path.json"), seconds=2, fps=12, size=(240, 160))
print(splatseg.render_film(run, "overlay", film, output / "path.mp4"))

# The same by hand: cameras between the keyframes, and a picture from each.
scene, cameras = splatseg.open(run.path), splatseg.path_through(keyframes, 6)
frames = [scene.render(camera, "overlay") for camera in cameras]
print(f"{len(frames)} frames of {frames[0].shape[1]}x{frames[0].shape[0]} pixels; see {output}")
