"""The pictures and the film of README and the documentation's gallery, all from one run of the demo.

splatseg demo -o demo-run
python benchmarks/make_pictures.py demo-run docs/pictures
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from PIL import Image

import splatseg
from splatseg import Camera, Film, Run, Splats
from splatseg.cluster.cluster import segments_of
from splatseg.jobs.film import cameras_of_film
from splatseg.render.film.video import write_video
from splatseg.render.label_maps import label_map, selection_mask
from splatseg.render.overlays import overlay_segments, overlay_selection, side_by_side
from splatseg.render.painter import Look, painter_of
from splatseg.render.pictures import fit_feature_colors, to_uint8
from splatseg.render.rgb import render_rgb
from splatseg.run.folder import open_run
from splatseg.select.click_prompt import select_by_click

VIEW = "024.jpg"
CLICK_VIEW, CLICK = "003.jpg", (216.0, 127.0)
SIZE = (480, 360)
CLOSE = 260
"""Side of a close look at a hole, in pixels."""
HOLES = {"holes": ("plate", "ball", "blue_mug"), "holes_not": ("book_green",)}
"""Things of the demo that are taken away, by the picture that shows what is left: where it works, and where not."""

FILM = Film("orbit", seconds=6, fps=20, size=SIZE)


def main(folder: Path, pictures: Path) -> None:
    """Make them all and say how large they are."""
    run = open_run(folder)
    splats = run.splats()
    pictures.mkdir(parents=True, exist_ok=True)
    chosen = select_by_click(splats, run.capture.view(CLICK_VIEW).camera, CLICK, voted=True).members
    save(pictures / "demo.jpg", steps(run, splats, chosen))
    for name, row in rows(run, splats, chosen):
        save(pictures / f"{name}.jpg", row)
    for name, things in HOLES.items():
        save(pictures / f"{name}.jpg", [np.concatenate(column) for column in zip(*holes(run, things), strict=True)])
    cameras = cameras_of_film(run, splats, FILM)
    film = pictures / "orbit.mp4"
    kind = write_video(film, wiped(run, splats, cameras), FILM.fps, "av1")
    print(f"{film}: {kind}, {film.stat().st_size // 1000} kB")


def save(path: Path, row: Sequence[np.ndarray]) -> None:
    """Pictures in a row as one JPEG."""
    image = Image.fromarray(np.ascontiguousarray(side_by_side(list(row), gap=4)))
    image.save(path, quality=86, optimize=True)
    print(f"{path}: {image.width}x{image.height}, {path.stat().st_size // 1000} kB")


def steps(run: Run, splats: Splats, chosen: np.ndarray | torch.Tensor) -> list[np.ndarray]:
    """Photograph, splat, features, segments, and what one click in another view selects."""
    view = run.capture.view(VIEW)
    photograph = view.image()
    return [
        photograph,
        colour(run, splats, view.camera),
        fit_feature_colors(splats).render(splats, view.camera),
        overlay_segments(photograph, label_map(splats, view.camera), run.segment_colors()),
        overlay_selection(photograph, selection_mask(splats, view.camera, chosen)),
    ]


def rows(run: Run, splats: Splats, chosen: np.ndarray | torch.Tensor) -> Iterator[tuple[str, list[np.ndarray]]]:
    """The still pictures of the gallery: three cameras each, except where one scene is shown three ways."""
    cameras = [run.capture.view(name).camera.resized(*SIZE) for name in (VIEW, "000.jpg", "040.jpg")]
    colors, background = run.segment_colors(), run.settings.train.background
    for what in ("segments", "features"):
        paint = painter_of(splats, what, cameras, Look(background, colors, supersample=4 if what == "segments" else 1))
        yield what, [paint(camera) for camera in cameras]
    yield (
        "selection",
        [overlay_selection(colour(run, splats, camera), selection_mask(splats, camera, chosen)) for camera in cameras],
    )
    members = torch.as_tensor(chosen)
    alone = [splats, splats.subset(members), splats.subset(~members)]
    yield "object", [colour(run, shown, cameras[0]) for shown in alone]
    yield "granularity", granularities(run, splats, cameras[0])


def holes(run: Run, names: Sequence[str]) -> Iterator[list[np.ndarray]]:
    """A close look at each thing: the scene, the scene without it, and with its hole closed."""
    scene = splatseg.open(run.path)
    truth = splatseg.demo_capture() / "gt"
    labels = {name: int(label) for label, name in json.loads((truth / "scene.json").read_text())["objects"].items()}
    for name in names:
        maps = {view.name: np.array(Image.open(truth / "instance" / view.png_name)) for view in scene.views}
        view = max(scene.views, key=lambda each: int((maps[each.name] == labels[name]).sum()))
        thing = scene.mask(view, maps[view.name] == labels[name])
        camera = close_up(view.camera, maps[view.name] == labels[name])
        yield [colour(run, shown, camera) for shown in (scene.splats, thing.rest.splats, thing.rest.filled().splats)]


def close_up(camera: Camera, mask: np.ndarray) -> Camera:
    """The camera with a longer lens, around a mask (H,W)."""
    rows, columns = np.nonzero(mask)
    scale = CLOSE / (1.8 * max(np.ptp(rows), np.ptp(columns)))
    K = camera.K.copy()
    K[:2] *= scale
    K[:2, 2] += CLOSE / 2 - scale * np.array([np.ptp(columns) / 2 + columns.min(), np.ptp(rows) / 2 + rows.min()])
    return Camera(camera.viewmat, K, CLOSE, CLOSE)


def granularities(run: Run, splats: Splats, camera: Camera) -> list[np.ndarray]:
    """Parts, things and groups: three cuts of one hierarchy."""
    hierarchy, agreement = run.hierarchy(), run.agreement()
    assert hierarchy is not None and agreement is not None
    pictures = []
    for granularity in (0.0, 0.5, 1.0):
        ids = torch.from_numpy(segments_of(hierarchy, granularity, agreement)).int()
        labels = label_map(splats.replace(segment_ids=ids), camera)
        pictures.append(overlay_segments(colour(run, splats, camera), labels))
    return pictures


def colour(run: Run, splats: Splats, camera: Camera) -> np.ndarray:
    """What the camera sees, (H,W,3) uint8."""
    return to_uint8(render_rgb(splats, camera, run.settings.train.background))


def wiped(run: Run, splats: Splats, cameras: Sequence[Camera]) -> Iterator[np.ndarray]:
    """An orbit in colour, over which a line goes there and back and leaves the segments behind it."""
    look = Look(run.settings.train.background, run.segment_colors(), supersample=2)
    plain, tinted = (painter_of(splats, what, cameras, look) for what in ("rgb", "segments"))
    for turn, camera in zip(np.linspace(0, 2 * np.pi, len(cameras)), cameras, strict=True):
        frame = plain(camera)
        edge = round((0.5 - 0.62 * np.cos(turn)) * camera.width)
        left = min(max(edge, 0), camera.width)
        if left > 0:
            frame[:, :left] = tinted(camera)[:, :left]
        frame[:, max(edge - 1, 0) : max(edge + 1, 0)] = 255
        yield frame


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
