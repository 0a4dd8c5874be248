"""The process that reconstructs: pycolmap, told what to do by one JSON object on standard input.

It is a process of its own because pycolmap and torch bring an OpenMP each, which cannot live together everywhere, and
because it stops at once when it is killed: whatever it finished is in the database. It writes lines of JSON on standard
output, {"stage": "features", "done": 0, "total": 60}, and at the end its answer. The database is read by pycolmap
alone: a second SQLite in one process would take the locks of the first away.

    what        "poses", answered by {"models": [...], "photographs": [...]}, or "points", by {"points": 1234}
    images      folder of the photographs     names     photographs in it, in order
    database    file of features and matches  models    folder for the models, or for the one with the points
    matching    exhaustive, sequential or alike
    lenses      (poses) for each photograph, a text that those with one lens share
    camera      (poses) COLMAP's name of the lens
    cameras     (points) for each photograph, [width, height, fx, fy, cx, cy] and its pose, 3x4 world to camera, by rows
    masks       (points) folder of masks, black where no features are wanted

Run as `python -m splatseg.poses.worker`.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from contextlib import closing
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from splatseg.poses.pairs import chosen_pairs
from splatseg.untrusted.documents import parse_json

SEED = 0
"""Of all that is random: the same photographs give the same poses."""

FEATURES, MANY, MOST_FEATURES = 4096, 45, 8192
"""Most features of a photograph, the largest first, of MANY photographs and more; of fewer, COLMAP's own limit. Twice
as many take four times as long to match on a CPU, which a thousand pairs can bear, and place photographs that overlap
little (kitchen: 24 of 24 instead of 23)."""


def main() -> None:
    """Do what standard input asks."""
    # Nobody else imports it: beside torch it ends the process on some machines.
    pycolmap, task = import_module("pycolmap"), parse_json(sys.stdin.read()).plain()
    pycolmap.set_random_seed(SEED)
    {"poses": _reconstruct, "points": _triangulate}[task["what"]](pycolmap, task)


def _say(**facts: Any) -> None:
    sys.stdout.write(json.dumps(facts) + "\n")
    sys.stdout.flush()


def _reconstruct(pycolmap: Any, task: dict[str, Any]) -> None:
    names, database = list(task["names"]), Path(task["database"])
    # Photographs of one lens share a camera.
    groups: dict[str, list[str]] = {}
    for name, lens in zip(names, task["lenses"], strict=True):
        groups.setdefault(lens, []).append(name)
    _say(stage="features", done=0, total=len(names))
    for group in groups.values():
        options = pycolmap.ImageReaderOptions(camera_model=task["camera"])
        with closing(pycolmap.Database.open(database)) as opened:
            cameras = [image.camera_id for image in opened.read_all_images() if image.name in set(group)]
        options.existing_camera_id = cameras[0] if cameras else -1
        _extract(pycolmap, task, group, options, pycolmap.CameraMode.SINGLE)
    _say(stage="features", done=len(names), total=len(names))
    ids, counts = _matched(pycolmap, task, names, database)
    models = _mapped(pycolmap, task, database, len(names))
    best = _best_matches(pycolmap, database, ids)
    of_model = models_of([found["names"] for found in models])
    photographs = [
        {"name": name, "features": counts[i], "matches": best.get(ids[i], 0), "model": of_model.get(name, -1)}
        for i, name in enumerate(names)
    ]
    for found in models:
        del found["names"]
    _say(models=models, photographs=photographs)


def models_of(names: Sequence[Sequence[str]]) -> dict[str, int]:
    """Return the number of the first model of each photograph; names: those in each model, which may share some."""
    return {name: number for number, found in reversed(list(enumerate(names))) for name in found}


def _triangulate(pycolmap: Any, task: dict[str, Any]) -> None:
    """Write the model of points that matches show, seen from poses that are known."""
    names, database = list(task["names"]), Path(task["database"])
    _say(stage="features", done=0, total=len(names))
    options = pycolmap.ImageReaderOptions(camera_model="PINHOLE", mask_path=task["masks"])
    _extract(pycolmap, task, names, options, pycolmap.CameraMode.PER_IMAGE)
    _say(stage="features", done=len(names), total=len(names))
    model = pycolmap.Reconstruction()
    with closing(pycolmap.Database.open(database)) as opened:
        known = {image.name: image for image in opened.read_all_images()}
        for name, (size, pose) in zip(names, task["cameras"], strict=True):
            image, (width, height, *params) = known[name], size
            camera = opened.read_camera(image.camera_id)
            camera.width, camera.height, camera.params = int(width), int(height), params
            camera.has_prior_focal_length = True
            opened.update_camera(camera)  # matches are verified with it
            model.add_camera_with_trivial_rig(camera)
            rows = np.array(pose).reshape(3, 4)
            placed = pycolmap.Rigid3d(pycolmap.Rotation3d(rows[:, :3]), rows[:, 3])
            seen = pycolmap.Image(name=name, camera_id=image.camera_id, image_id=image.image_id)
            model.add_image_with_trivial_frame(seen, placed)
    _matched(pycolmap, task, names, database)
    _say(stage="points", done=0, total=1)
    options = pycolmap.IncrementalPipelineOptions(random_seed=SEED)
    options.triangulation.random_seed = SEED
    found = pycolmap.triangulate_points(model, database, task["images"], task["models"], options=options)
    found.extract_colors_for_all_images(task["images"])
    found.write_binary(task["models"])
    _say(stage="points", done=1, total=1)
    _say(points=found.num_points3D())


def _extract(pycolmap: Any, task: dict[str, Any], names: list[str], options: Any, mode: Any) -> None:
    """Find the features of photographs that have none in the database."""
    extraction = pycolmap.FeatureExtractionOptions()
    extraction.sift.max_num_features = FEATURES if len(task["names"]) >= MANY else MOST_FEATURES
    pycolmap.extract_features(
        task["database"],
        task["images"],
        image_names=names,
        camera_mode=mode,
        reader_options=options,
        extraction_options=extraction,
    )


def _matched(pycolmap: Any, task: dict[str, Any], names: list[str], database: Path) -> tuple[list[int], list[int]]:
    """Match the features of pairs of photographs; return the number in the database, and features, of each."""
    with closing(pycolmap.Database.open(database)) as opened:
        known = {image.name: image.image_id for image in opened.read_all_images()}
        ids = [known[name] for name in names]
        counts = [opened.num_keypoints_for_image(number) for number in ids]
        pairs = chosen_pairs(task["matching"], len(names), lambda: [_descriptors(opened, number) for number in ids])
    wanted = database.with_name("pairs.txt")
    wanted.write_text("".join(f"{names[i]} {names[j]}\n" for i, j in pairs), encoding="utf-8")
    _say(stage="matches", done=0, total=len(pairs))
    pycolmap.match_image_pairs(database, pairing_options=pycolmap.ImportedPairingOptions(match_list_path=wanted))
    _say(stage="matches", done=len(pairs), total=len(pairs))
    return ids, counts


def _descriptors(opened: Any, number: int) -> np.ndarray:
    found = opened.read_descriptors(number)
    rows = np.asarray(getattr(found, "data", found))
    return rows if rows.ndim == 2 and rows.shape[1] == 128 else np.zeros((0, 128), np.uint8)


def _mapped(pycolmap: Any, task: dict[str, Any], database: Path, total: int) -> list[dict[str, Any]]:
    """Make models; return a folder, photographs and error of each, the largest first."""
    placed = 2
    options = pycolmap.IncrementalPipelineOptions(random_seed=SEED)
    options.mapper.random_seed = SEED
    options.triangulation.random_seed = SEED
    options.min_model_size = 3

    def begun() -> None:
        nonlocal placed
        placed = 2

    def another() -> None:
        nonlocal placed
        placed += 1
        _say(stage="poses", done=min(placed, total), total=total)

    folder = Path(task["models"])
    found = pycolmap.incremental_mapping(database, task["images"], folder, options, "", begun, another)
    models = [
        {
            "folder": str(folder / str(number)),
            "names": [model.image(image_id).name for image_id in model.reg_image_ids()],
            "images": model.num_reg_images(),
            "points": model.num_points3D(),
            "error": model.compute_mean_reprojection_error(),
        }
        for number, model in found.items()
    ]
    return sorted(models, key=lambda model: (-int(model["images"]), -int(model["points"])))


def _best_matches(pycolmap: Any, database: Path, ids: list[int]) -> dict[int, int]:
    """Return the most verified matches of each photograph with any other."""
    best = dict.fromkeys(ids, 0)
    with closing(pycolmap.Database.open(database)) as opened:
        for pair, count in zip(*opened.read_two_view_geometry_num_inliers(), strict=True):
            for image in pair if isinstance(pair, tuple) else pycolmap.pair_id_to_image_pair(pair):
                if image in best:
                    best[image] = max(best[image], int(count))
    return best


if __name__ == "__main__":
    main()
