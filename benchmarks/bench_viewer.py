"""Times of the viewer: a click and the picture it changes, a still picture, a moving one; and of what they are made.

    python benchmarks/bench_viewer.py --splats composed_14.splat --work DIR [--gaussians 1000000] [--objects 80]
        [--views 12] [--width 1280] [--height 720] [--repeats 15] [--threads 2] [--sh 3] [--features 64]
        [--modes color ...] [--json]
    python benchmarks/bench_viewer.py --run RUN

With --splats the scene is that of bench_scale.py: the splat's Gaussians repeated until there are --gaussians, the
cells around random ones as objects, each with a feature of its own, --features long. It is timed as a plain file with
features, and with the votes of --views views as well, as a run has them; with --features 0 only the latter, since 5
million Gaussians and more with features take some GB. It is made once and kept in --work. --sh: harmonics of this
degree, small random ones, since .splat files have none.

Every time is milliseconds, the least and the median of --repeats, by the clock and of the processor in all threads; the
latter is what a busy machine tells reliably.

A click is alone, and with the picture that comes first after it, in a view that is prepared and in a new one, of which
only the tiles around the pixel are prepared. Which picture comes first is as the page chooses: the full one, or a
draft where that would be late. "still picture" is the full one: after a click in a view that is prepared, and of a view
that is not. What the card says and the panel tells comes after the picture. A moving picture is of a camera that goes
on a little every time, in the size that the viewer chooses after some pictures.
"""

from __future__ import annotations

import argparse
import itertools
import json
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from bench_lift import ring_views
from bench_scale import repeated
from harness import conditions, deepest_pixel, peak_memory_mb
from scipy.spatial import cKDTree

from splatseg.cameras.camera import Camera
from splatseg.capture.view import View
from splatseg.cluster.hierarchy import Hierarchy, rising
from splatseg.cluster.hierarchy_file import read_hierarchy, write_hierarchy
from splatseg.formats.ply.ply import write_ply
from splatseg.formats.read import load_splats
from splatseg.masks.segments import Segments, from_label_map
from splatseg.raster.interface import prepare, rasterize_plan
from splatseg.raster.sight import Groups
from splatseg.raster.window import prepare_window
from splatseg.regions.drawn import lasso_pixels
from splatseg.render.label_maps import label_map
from splatseg.render.pictures import to_uint8
from splatseg.render.rgb import view_colors
from splatseg.scene.table import table_of_file
from splatseg.select.seen import NEIGHBOURHOOD
from splatseg.splats.splats import Splats
from splatseg.viewer.drawing.highlight import highlight
from splatseg.viewer.drawing.picture import comes_late, draft_camera, picture
from splatseg.viewer.shown_scene import ShownScene, open_shown
from splatseg.viewer.workspace.region_tools import RegionTools
from splatseg.viewer.workspace.workspace import Workspace
from splatseg.votes.agreement import Agreement
from splatseg.votes.file import read_votes, write_votes
from splatseg.votes.votes import collect_votes


class Masks:
    """Label maps drawn from a splat with ids, as a mask store gives them."""

    def __init__(self, splats: Splats) -> None:
        self._splats = splats

    def read(self, view: View) -> Segments:
        return from_label_map(label_map(self._splats, view.camera))


Work = Callable[[int], object]


def milliseconds(args: argparse.Namespace, *work: Work) -> list[dict[str, dict[str, float]]]:
    """Of each piece of work, done in turns, given the number of the turn; the first two turns do not count."""
    clocks = {"clock": time.perf_counter, "processor": time.process_time}
    times = np.empty((args.repeats + 2, len(work), len(clocks)))
    for turn in range(args.repeats + 2):
        for number, each in enumerate(work):
            began = [clock() for clock in clocks.values()]
            each(turn)
            times[turn, number] = [1e3 * (clock() - at) for clock, at in zip(clocks.values(), began, strict=True)]
    return [
        {
            name: {"min": round(float(of.min()), 1), "median": round(float(np.median(of)), 1)}
            for name, of in zip(clocks, each, strict=True)
        }
        for each in times[2:].transpose(1, 2, 0)
    ]


def moved(camera: Camera, step: float) -> Camera:
    """The camera a little to the right: 1/500 of its distance from the origin a step."""
    viewmat = camera.viewmat.copy()
    viewmat[0, 3] += 0.002 * (step + 1) * float(np.linalg.norm(camera.position))
    return Camera(viewmat, camera.K, camera.width, camera.height)


def places_in(scene: ShownScene, camera: Camera, count: int) -> list[tuple[float, float]]:
    """Pixels deep inside the largest segments of a view, or where something is seen."""
    labels = label_map(scene.splats, camera)
    sizes = np.bincount(labels.ravel())
    sizes[0] = 0
    return [deepest_pixel(labels == each) for each in np.argsort(-sizes, kind="stable")[:count] if sizes[each]]


def timed(scene: ShownScene, camera: Camera, places: list[tuple[float, float]], args: argparse.Namespace) -> dict:
    workspace = Workspace(scene)
    facts: dict[str, object] = {}

    def at(number: int) -> tuple[float, float]:
        return places[number % len(places)]

    def shown(seen_by: Camera) -> None:
        picture(workspace, seen_by, draft=comes_late(workspace, seen_by))

    def click(turn: int) -> None:
        workspace.click(camera, at(2 * turn))
        shown(camera)

    # Cameras that no picture was made for, so near that the places stay in their segments.
    new = (0.1 * number + 0.05 for number in itertools.count())

    def click_anew(turn: int) -> None:
        other = moved(camera, next(new))
        workspace.click(other, at(turn))
        shown(other)

    def first(turn: int) -> None:
        workspace.select_gaussians(members[turn % len(members)])
        picture(workspace, moved(camera, turn), draft=True)

    members = []
    for place in places[:2]:
        workspace.click(camera, place)
        members.append(workspace.members)
    for mode in args.modes:
        if mode in scene.modes:
            workspace.mode = mode
            picture(workspace, camera)
            works: dict[str, Work] = {
                "click alone, view prepared": lambda turn: workspace.click(camera, at(2 * turn + 1)),
                "still picture, view prepared": lambda _: picture(workspace, camera),
                "what the card says": lambda _: (workspace.describe(), workspace.remarks),
                "click on the same spot": lambda turn: workspace.click(camera, at(2 * turn + 1)),
            }
            took = dict(zip(works, milliseconds(args, *works.values()), strict=True))
            (still,) = milliseconds(args, lambda turn: picture(workspace, moved(camera, turn)))
            scene.detail.begin()
            for _ in range(2):  # the second time with levels
                for turn in range(12):
                    picture(workspace, moved(camera, turn), draft=True)
                scene.detail.wait()
            (moving,) = milliseconds(args, lambda turn: picture(workspace, moved(camera, turn), draft=True))
            size = draft_camera(workspace, camera)
            took["still picture, new view"] = still
            took["moving picture"] = {**moving, "width": size.width, "height": size.height}
            (took["moving picture, new selection"],) = milliseconds(args, first)
            picture(workspace, camera)
            (took["click and picture, view prepared"],) = milliseconds(args, click)
            (took["click alone, new view"],) = milliseconds(
                args, lambda turn: workspace.click(moved(camera, next(new)), at(turn))
            )
            (took["click and picture, new view"],) = milliseconds(args, click_anew)
            facts |= {f"{mode}: {name}": each for name, each in took.items()}
    return facts | strokes_of(workspace, camera, args) | parts_of(workspace, camera, args)


def strokes_of(workspace: Workspace, camera: Camera, args: argparse.Namespace) -> dict:
    """What the panel says besides the card, and strokes in a picture at rest."""
    tools, facts = RegionTools(workspace), {}
    width, height = camera.width, camera.height
    angles = np.linspace(0.0, 2.0 * np.pi, 160, endpoint=False)
    circle = 0.2 * height * np.stack([np.cos(angles), np.sin(angles)], axis=1) + (0.5 * width, 0.5 * height)

    def lasso(turn: int) -> None:
        tools.drawn(camera, lasso_pixels(circle + 3.0 * turn, width, height), "visible")

    works: dict[str, Work] = {
        "panel: Grow and Shrink": lambda _: workspace.next_steps(),
        "panel: segments that are shown": lambda _: workspace.visible_ids,
        "stroke: look, once a picture": lambda _: RegionTools(workspace).look(camera),
        "stroke: lasso": lasso,
        "stroke: range of opacity": lambda turn: tools.between((0.1, 1.0 - 0.01 * turn), (0.0, np.inf)),
    }
    for name, work in works.items():
        (facts[name],) = milliseconds(args, work)
    return facts


def parts_of(workspace: Workspace, camera: Camera, args: argparse.Namespace) -> dict:
    """What a still picture is made of."""
    splats, session = workspace.scene.splats, workspace.scene.session
    scales, opacities = splats.scales, splats.opacities
    with torch.no_grad():
        plan = session.plan(camera)
        colors = view_colors(splats.means, splats.sh0, splats.shN, camera, splats.sh_degree)
        reach, pixel = session.reach, (camera.width // 2, camera.height // 2)
        groups = Groups.of(splats.positions, reach)
        alone = (splats.means, splats.quats, scales, opacities, reach, camera, pixel, NEIGHBOURHOOD)
        four = torch.cat([colors, torch.from_numpy(workspace.members).float()[:, None]], 1)
        blended, _ = rasterize_plan(plan, four)
        image = to_uint8(blended[..., :3])
        parts: dict[str, Work] = {
            "prepare": lambda _: prepare(splats.means, splats.quats, scales, opacities, camera),
            "prepare around a pixel": lambda _: prepare_window(*alone, groups),
            "the same, by a pass over all": lambda _: prepare_window(*alone),
            "colours": lambda _: view_colors(splats.means, splats.sh0, splats.shN, camera, splats.sh_degree),
            "blend 4 channels": lambda _: rasterize_plan(plan, four),
            "8 bits": lambda _: to_uint8(blended[..., :3]),
            "tint": lambda _: highlight(image, blended[..., 3].numpy()),
        }
        took = milliseconds(args, *parts.values())
    return {f"part: {name}": each for name, each in zip(parts, took, strict=True)}


def made_scenes(args: argparse.Namespace) -> dict[str, tuple[ShownScene, Camera]]:
    """The scene as a file with features, and as a run has it."""
    shown, _ = load_splats(args.splats)
    shape = f"{args.gaussians}-{args.objects}-{args.views}-{args.sh}-{args.features}"
    folder = args.work / f"{args.splats.stem}-{shape}"
    if not (folder / "hierarchy.safetensors").exists():
        make(shown, folder, args)
    splats, _ = load_splats(folder / "splats.ply")
    agreement = Agreement(read_votes(folder / "votes.safetensors"))
    hierarchy = read_hierarchy(folder / "hierarchy.safetensors")
    camera = ring_views(shown, args.views, args.width, args.height)[0].camera
    voted = ShownScene(splats, "run", table_of_file(splats), agreement=agreement, hierarchy=hierarchy)
    if not args.features:
        return {"run": (voted, camera)}
    return {
        "file with features": (ShownScene(splats.replace(segment_ids=None), "file"), camera),
        "run": (voted, camera),
    }


def make(shown: Splats, folder: Path, args: argparse.Namespace) -> None:
    """Write the splat with features and segments, its votes and its hierarchy."""
    splats = repeated(shown, args.gaussians or len(shown))
    generator = torch.Generator().manual_seed(0)
    means = shown.means.numpy()
    seeds = means[np.random.default_rng(0).choice(len(means), args.objects, replace=False)]
    ids = torch.from_numpy(cKDTree(seeds).query(splats.means.numpy(), workers=-1)[1].astype(np.int32) + 1)
    first = ids[: len(shown)] if len(splats) > len(shown) else ids
    features = None
    if args.features:
        looks = torch.nn.functional.normalize(torch.randn(args.objects + 1, args.features, generator=generator), dim=1)
        features = looks[ids.long()] + 0.02 * torch.randn(len(splats), args.features, generator=generator)
    harmonics = 0.02 * torch.randn(len(splats), (args.sh + 1) ** 2 - 1, 3, generator=generator)
    masks = Masks(shown.subset(torch.arange(len(first))).replace(segment_ids=first))
    votes = collect_votes(splats, ring_views(shown, args.views, 640, 400), masks)  # type: ignore[arg-type]
    # Objects are merged with the next one, and so on to a single group.
    merges = [(1, 2), *((args.objects + number, number + 2) for number in range(1, args.objects - 1))]
    levels = np.linspace(0.55, 0.95, len(merges), dtype=np.float32)[::-1].copy()
    levels = rising(np.array(merges, dtype=np.int32), levels, args.objects)
    folder.mkdir(parents=True, exist_ok=True)
    write_ply(folder / "splats.ply", splats.replace(segment_ids=ids, features=features, shN=harmonics))
    write_votes(folder / "votes.safetensors", votes)
    write_hierarchy(folder / "hierarchy.safetensors", Hierarchy(ids.numpy(), np.array(merges, dtype=np.int32), levels))


def opened(args: argparse.Namespace) -> dict[str, tuple[ShownScene, Camera]]:
    scene = open_shown(args.run)
    camera = scene.views[len(scene.views) // 2].camera
    scale = max(args.width / camera.width, args.height / camera.height)
    whole = camera.resized(round(scale * camera.width), round(scale * camera.height))
    return {args.run.name: (scene, Camera(whole.viewmat, whole.K, args.width, args.height))}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--splats", type=Path)
    source.add_argument("--run", type=Path)
    parser.add_argument("--work", type=Path, default=Path("bench_viewer"), help="where made scenes are kept")
    parser.add_argument("--gaussians", type=int, default=0, help="0: as many as the file has")
    parser.add_argument("--objects", type=int, default=80)
    parser.add_argument("--views", type=int, default=12)
    parser.add_argument("--width", type=int, default=1280)
    parser.add_argument("--height", type=int, default=720)
    parser.add_argument("--sh", type=int, default=3, choices=(0, 1, 2, 3))
    parser.add_argument("--features", type=int, default=64, help="channels; 0: none, and no scene as a file")
    parser.add_argument("--modes", nargs="+", default=["color", "segments", "overlay", "similarity", "depth"])
    parser.add_argument("--repeats", type=int, default=15)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    scenes = opened(args) if args.run else made_scenes(args)
    facts: dict[str, object] = dict(conditions(args.threads))
    places = None
    for name, (scene, camera) in reversed(scenes.items()):
        began = time.perf_counter()
        scene.warm_up()
        warm = round(1e3 * (time.perf_counter() - began), 1)
        # The file has no segments: it is clicked where the run is.
        places = places or places_in(scene, camera, 12)
        facts[name] = {"gaussians": len(scene.splats), "warming up": warm, **timed(scene, camera, places, args)}
        scene.close()
    facts["peak MB"] = round(peak_memory_mb())
    if args.json:
        print(json.dumps(facts))
        return
    for name, value in facts.items():
        rows = value.items() if isinstance(value, dict) else [(value, "")]
        print(f"\n{name}" if isinstance(value, dict) else f"{name}: {value}")
        for what, took in rows if isinstance(value, dict) else []:
            print(f"  {what:40} {told(took)}")


def told(took: object) -> str:
    """Return times as a line: "clock 12.3 / 13.4, processor 20.1 / 22.2" (least / median)."""
    if not isinstance(took, dict):
        return str(took)
    return ", ".join(
        f"{name} {each['min']:.1f} / {each['median']:.1f}" if isinstance(each, dict) else f"{name} {each}"
        for name, each in took.items()
    )


if __name__ == "__main__":
    main()
