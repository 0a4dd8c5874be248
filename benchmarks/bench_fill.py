"""Score the closing of holes behind removed objects against the scene without them.

    python benchmarks/bench_fill.py --splats composed_14.splat --labels composed_14_labels.npy [--views 40] [--json]
    python benchmarks/bench_fill.py --refit RUN -o FOLDER [--iterations 800] [--json]

No capture comes with a second one without the object, so the truth is made:

--splats: a splat whose every Gaussian has a label, 0 the table. An object is removed, and of the table what the
views did not see of it. The table is really there, so the picture of it without the object is known. World z up.

--refit: a run of `splatseg demo` is the world. Copies of its things are set down on free places of the table, it is
photographed with them, and fitted and segmented again from these photographs and label maps (FOLDER/run; one that is
there is taken). So there is under them what a fit leaves there. The copies are removed; the truth is the picture of the
world before, so that PSNR of a fit that sees it all is the limit. Copies cast no shadow, which real things do.

Told, for held-out views, are PSNR in the hole's pixels (those that show mostly what the object hid) and of whole
pictures, of the hole as it is left (open), of it painted with the median colour of the pixels around it (flat), and
closed (filled).
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from bench_lift import ring_views
from PIL import Image
from scipy import ndimage

import splatseg
from splatseg.cameras.camera import Camera
from splatseg.fill.fill import SHOWN, VIEWS, fill_holes
from splatseg.fill.hidden import shares_shown
from splatseg.fill.surface import joined
from splatseg.formats.read import load_splats
from splatseg.render.label_maps import label_map, selection_mask, write_label_map
from splatseg.render.pictures import to_uint8
from splatseg.render.rgb import render_rgb
from splatseg.splats.splats import Splats
from splatseg.spread import spread

HIDDEN = 0.1
"""Share of its light that views show of a Gaussian up to which they are taken not to have seen it."""
AROUND = 4
"""Pixels around a hole whose median colour is the flat one."""

COPIES = ("red_mug", "die", "donut", "bottle", "ball")
"""Things of the demo that are copied."""

LOW, HIGH = 0.02, 0.3
"""Heights over the table, z = 0, between which things stand."""


@dataclass(frozen=True)
class Case:
    """One removed object: the splat with it, its members, the truth without it, and of that what the object hid."""

    name: str
    splats: Splats
    members: np.ndarray
    truth: Splats
    hidden: np.ndarray


def picture(splats: Splats, camera: Camera) -> np.ndarray:
    with torch.no_grad():
        return render_rgb(splats, camera).clamp(0, 1).numpy()


def flat(open_picture: np.ndarray, hole: np.ndarray) -> np.ndarray:
    ring = ndimage.binary_dilation(hole, iterations=AROUND) & ~hole
    painted = open_picture.copy()
    if ring.any():
        painted[hole] = np.median(open_picture[ring], axis=0)
    return painted


def psnr(squares: float) -> float:
    return round(-10 * float(np.log10(max(squares, 1e-10))), 2)


def score(case: Case, shown_by: list[Camera], held_out: list[Camera]) -> dict[str, object]:
    began = time.perf_counter()
    filled = fill_holes(case.splats, case.members, shown_by)
    seconds = time.perf_counter() - began
    rest = case.splats.subset(~case.members)
    inside: dict[str, list[np.ndarray]] = {"open": [], "flat": [], "filled": []}
    whole: dict[str, list[float]] = {name: [] for name in inside}
    for camera in held_out:
        hole = selection_mask(case.truth, camera, case.hidden)
        if hole.sum() < 20:
            continue
        true, left = picture(case.truth, camera), picture(rest, camera)
        for name, found in (("open", left), ("flat", flat(left, hole)), ("filled", picture(filled.splats, camera))):
            squares = (found - true) ** 2
            inside[name].append(squares[hole].ravel())
            whole[name].append(float(squares.mean()))
    facts: dict[str, object] = {"name": case.name, "views": len(whole["open"]), "made": filled.made}
    if whole["open"]:
        facts["hole"] = {name: psnr(float(np.concatenate(values).mean())) for name, values in inside.items()}
        facts["whole"] = {name: psnr(float(np.mean(values))) for name, values in whole.items()}
    return {**facts, "seconds": round(seconds, 2), "said": filled.said}


def labelled_cases(path: Path, labels_path: Path, cameras: list[Camera]) -> Iterator[Case]:
    """Each object of a splat with labels on its own, with what of the table it hides taken out."""
    splats, _ = load_splats(path)
    labels = np.load(labels_path)
    for label in range(1, int(labels.max()) + 1):
        members = labels == label
        hidden = np.zeros(len(splats), bool)
        hidden[~members] = shares_shown(splats, members, spread(cameras, VIEWS)) < HIDDEN
        hidden &= labels == 0
        kept = ~hidden
        yield Case(str(label), splats.subset(kept), members[kept], splats.subset(~members), hidden[~members])


def named_members(scene: splatseg.Scene, name: str) -> np.ndarray:
    """The Gaussians of a thing of the demo, by its true mask in the view that shows most of it."""
    truth = splatseg.demo_capture() / "gt"
    objects = json.loads((truth / "scene.json").read_text())["objects"]
    label = next(int(key) for key, value in objects.items() if value == name)
    masks = {
        view.name: np.asarray(Image.open(truth / "instance" / Path(view.name).with_suffix(".png"))) == label
        for view in scene.views
    }
    view = max(masks, key=lambda each: int(masks[each].sum()))
    return scene.mask(view, masks[view]).members


def free_place(splats: Splats, taken: np.ndarray) -> np.ndarray:
    """The place (2,) on the table that is farthest from what stands there, taken (P,2), and from its edge."""
    means = splats.positions
    flat = means[(np.abs(means[:, 2]) < LOW) & (np.abs(means[:, :2]) < 1).all(1), :2]
    low, high = np.quantile(flat, (0.05, 0.95), axis=0)
    grid = np.stack(np.meshgrid(*[np.linspace(low[i], high[i], 60) for i in (0, 1)]), -1).reshape(-1, 2)
    edge = np.minimum(grid - low, high - grid).min(1)
    nearest = np.sqrt(((grid[:, None] - taken[None]) ** 2).sum(2)).min(1)
    return grid[int(np.minimum(nearest, edge + 0.05).argmax())]


def with_copies(scene: splatseg.Scene) -> tuple[Splats, dict[str, int]]:
    """The world with copies of things, and the segment id of each copy by name."""
    splats = scene.splats
    assert splats.segment_ids is not None
    means, parts, ids = splats.positions, [splats], dict[str, int]()
    standing = (means[:, 2] > LOW) & (means[:, 2] < HIGH) & (np.abs(means[:, :2]) < 1).all(1)
    taken = means[standing, :2][::5]
    for name in COPIES:
        part = splats.subset(named_members(scene, name))
        place = free_place(splats, taken)
        move = np.append(place - np.median(part.positions[:, :2], axis=0), 0.0)
        ids[name] = int(splats.segment_ids.max()) + 1 + len(ids)
        moved = part.means + torch.from_numpy(move).to(part.means)
        parts.append(part.replace(means=moved, segment_ids=torch.full((len(part),), ids[name], dtype=torch.int32)))
        taken = np.concatenate([taken, moved.numpy()[::5, :2]])
    return joined(parts), ids


def photographed_again(scene: splatseg.Scene, world: Splats, folder: Path) -> Path:
    """Write a capture of the world from the cameras of the scene, with label maps as masks."""
    for name in ("images", "masks"):
        (folder / name).mkdir(parents=True)
    frames = {}
    for view in scene.views:
        name = Path(view.name).with_suffix(".png").name
        Image.fromarray(to_uint8(torch.from_numpy(picture(world, view.camera)))).save(folder / "images" / name)
        write_label_map(folder / "masks" / name, label_map(world, view.camera))
        frames[f"images/{name}"] = view.camera
    splatseg.write_transforms(folder / "transforms.json", frames)
    content = json.loads((folder / "transforms.json").read_text())
    (folder / "transforms.json").write_text(json.dumps({**content, "ply_file_path": "points.ply"}))
    # Points of what photographs show: others would tell the fit what is under the copies.
    copies = world.segment_ids.numpy() > int(scene.splats.segment_ids.max())  # type: ignore[union-attr]
    seen = copies.copy()
    seen[~copies] = shares_shown(world, copies, spread([view.camera for view in scene.views], VIEWS)) > SHOWN
    rows = np.random.default_rng(0).choice(np.flatnonzero(seen), 12_000, replace=False)
    colors = (255 * (0.5 + 0.2820948 * world.sh0.numpy()[rows]).clip(0, 1)).astype(int)
    lines = [
        f"{x:.6f} {y:.6f} {z:.6f} {r} {g} {b}"
        for (x, y, z), (r, g, b) in zip(world.positions[rows], colors, strict=True)
    ]
    names = [f"property float {axis}" for axis in "xyz"] + [
        f"property uchar {name}" for name in ("red", "green", "blue")
    ]
    head = ["ply", "format ascii 1.0", f"element vertex {len(rows)}", *names, "end_header"]
    (folder / "points.ply").write_text("\n".join([*head, *lines, ""]))
    return folder


def refitted_cases(run: Path, folder: Path, iterations: int) -> Iterator[Case]:
    """Each copy in the new fit on its own, as one mask selects it."""
    scene = splatseg.open(run)
    world, ids = with_copies(scene)
    if not (folder / "run").exists():
        capture = photographed_again(scene, world, folder / "capture")
        settings = splatseg.RunSettings.of(
            splatseg.CaptureSettings(path=str(capture)), masks=str(capture / "masks"), iterations=iterations
        )
        train = dataclasses.replace(settings.train, max_gaussians=len(scene.splats))
        splatseg.train_run(splatseg.start_run(folder / "run", dataclasses.replace(settings, train=train)))
    again = splatseg.open(folder / "run")
    for name, segment in ids.items():
        copy = (world.segment_ids == segment).numpy()  # type: ignore[attr-defined]
        masks = {view.name: selection_mask(world, view.camera, copy) for view in again.views}
        view = max(masks, key=lambda each: int(masks[each].sum()))
        hidden = shares_shown(world, copy, spread([each.camera for each in again.views], VIEWS)) < SHOWN
        yield Case(name, again.splats, again.mask(view, masks[view]).members, world.subset(~copy), hidden)


def refitted_rows(run: Path, folder: Path, iterations: int) -> list[dict[str, object]]:
    cameras = [view.camera for view in splatseg.open(run).views]
    shown_by = [camera for number, camera in enumerate(cameras) if number % 8]
    return [score(case, shown_by, cameras[::8]) for case in refitted_cases(run, folder, iterations)]


def labelled_rows(path: Path, labels: Path, count: int) -> list[dict[str, object]]:
    splats, _ = load_splats(path)
    cameras = [view.camera for view in ring_views(splats, count, 640, 480)]
    shown_by = [camera for number, camera in enumerate(cameras) if number % 5]
    return [score(case, shown_by, cameras[::5]) for case in labelled_cases(path, labels, shown_by)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--splats", type=Path)
    parser.add_argument("--labels", type=Path, help=".npy, an integer a Gaussian, 0 for the table")
    parser.add_argument("--views", type=int, default=40)
    parser.add_argument("--refit", type=Path, help="a run of the embedded demo")
    parser.add_argument("-o", "--folder", type=Path, help="where the capture with copies and its run are written")
    parser.add_argument("--iterations", type=int, default=800)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    if arguments.refit:
        rows = refitted_rows(arguments.refit, arguments.folder, arguments.iterations)
    else:
        rows = labelled_rows(arguments.splats, arguments.labels, arguments.views)
    if arguments.json:
        print(json.dumps(rows))
        return
    print(f"{'object':14}{'open':>8}{'flat':>8}{'filled':>8}   whole:{'open':>8}{'flat':>8}{'filled':>8}{'seconds':>9}")
    for row in rows:
        inside, whole = (row.get(part, {}) for part in ("hole", "whole"))
        cells = [
            f"{each.get(name, float('nan')):8.2f}" for each in (inside, whole) for name in ("open", "flat", "filled")
        ]
        print(
            f"{row['name']:14}{''.join(cells[:3])}         {''.join(cells[3:])}{row['seconds']:9.2f}  {row['said'][0]}"
        )


if __name__ == "__main__":
    main()
