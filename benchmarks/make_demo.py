"""Make the capture embedded in the package from its full-size original.

    python benchmarks/make_demo.py FOLDER [--out splatseg/demo/data]

FOLDER holds images/ (640x480), sparse/0 (COLMAP binary, one PINHOLE camera), masks_sim/ and gt/ with instance/ and
scene.json. Everything is halved: photographs by averaging 2x2 pixels (which is what a sensor of half the resolution
would see), label maps by taking one pixel of four (ids must not be averaged). Running it twice gives the same bytes.
"""

from __future__ import annotations

import argparse
import json
import shutil
import struct
from pathlib import Path

import numpy as np
from PIL import Image

FACTOR = 2
JPEG_QUALITY = 92
BUDGET = 3_000_000
"""Bytes the whole folder may have: it is part of every install."""

PINHOLE = 1
CAMERA = struct.Struct("<QIiQQ4d")
"""A cameras.bin of one pinhole camera: count, id, model, width, height, (fx, fy, cx, cy)."""

README = """\
# The demo capture

{views} photo-like pictures ({width}x{height}) of things on a table in a room, rendered by path tracing from
procedurally made things and the modelling program's own primitives.

| path | what |
|---|---|
| `images/` | the pictures, JPEG |
| `sparse/0/` | COLMAP binary model: one PINHOLE camera, exact poses, {points} points sampled from depth with noise |
| `masks/` | a simulated segmenter, 8-bit label maps, 0 = none (see below) |
| `gt/instance/` | the truth, 8-bit label maps; ids as in `gt/scene.json` |
| `gt/scene.json` | names of the objects, ids of `stuff` (floor and walls), intrinsics |

The masks do not agree between views: ids are drawn anew in each, objects come whole, in parts, broken along texture,
merged with a neighbour, or not at all, and their edges wobble. They are made from the truth.

Every 8th picture (sorted by name, from the first) is held out for test.

Made by `benchmarks/make_demo.py` from a 640x480 original: pictures averaged over 2x2 pixels, label maps by the
nearest pixel.

Licence: made by the splatseg developers; Apache-2.0 as the rest of the package, and where you wish to use the pictures
apart from it, CC0-1.0.
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="the full-size capture")
    default = Path(__file__).resolve().parents[1] / "splatseg" / "demo" / "data"
    parser.add_argument("--out", type=Path, default=default, help="replaced if it exists (default: in the package)")
    arguments = parser.parse_args()

    shutil.rmtree(arguments.out, ignore_errors=True)
    views = shrink_images(arguments.folder / "images", arguments.out / "images")
    points, size = shrink_model(arguments.folder / "sparse" / "0", arguments.out / "sparse" / "0")
    shrink_labels(arguments.folder / "masks_sim", arguments.out / "masks", compact=True)
    shrink_labels(arguments.folder / "gt" / "instance", arguments.out / "gt" / "instance", compact=False)
    shrink_scene(arguments.folder / "gt" / "scene.json", arguments.out / "gt" / "scene.json")
    text = README.format(views=views, points=f"{points:,}", width=size[0], height=size[1])
    (arguments.out / "README.md").write_text(text, encoding="utf-8")

    total = sum(path.stat().st_size for path in arguments.out.rglob("*") if path.is_file())
    print(f"{arguments.out}: {views} views, {points} points, {total / 1e6:.2f} MB")
    if total > BUDGET:
        raise SystemExit(f"that is more than the {BUDGET / 1e6:.0f} MB a package may carry; lower JPEG_QUALITY")


def shrink_images(source: Path, target: Path) -> int:
    """Average FACTOR x FACTOR pixels; returns how many images there were."""
    target.mkdir(parents=True)
    paths = sorted(source.iterdir())
    for path in paths:
        with Image.open(path) as image:
            pixels = np.asarray(image.convert("RGB").reduce(FACTOR))
        # Through an array, so that no comment of the renderer is carried along. 4:4:4: colours are to be learnt.
        Image.fromarray(pixels).save(target / path.name, quality=JPEG_QUALITY, subsampling=0, optimize=True)
    return len(paths)


def shrink_labels(source: Path, target: Path, compact: bool) -> None:
    """Take the nearest of FACTOR x FACTOR pixels; with `compact` the ids of each view become 1, 2, …"""
    target.mkdir(parents=True)
    for path in sorted(source.glob("*.png")):
        with Image.open(path) as image:
            labels = np.asarray(image)[FACTOR // 2 :: FACTOR, FACTOR // 2 :: FACTOR]
        if compact:
            ids, inverse = np.unique(np.append(labels, 0), return_inverse=True)
            assert ids[0] == 0, "0 = none sorts first, so it stays 0"
            labels = inverse[:-1].reshape(labels.shape)
        assert labels.max() <= 255, f"{path} has more than 255 segments"
        Image.fromarray(labels.astype(np.uint8)).save(target / path.name, optimize=True)


def shrink_model(source: Path, target: Path) -> tuple[int, tuple[int, int]]:
    """Scale the camera, keep poses and points; returns the count of points and (width, height)."""
    target.mkdir(parents=True)
    content = (source / "cameras.bin").read_bytes()
    assert len(content) == CAMERA.size, "one PINHOLE camera is expected"
    count, camera, model, width, height, *intrinsics = CAMERA.unpack(content)
    assert (count, model) == (1, PINHOLE), "one PINHOLE camera is expected"
    size = (width // FACTOR, height // FACTOR)
    # The origin of pixel coordinates is the corner of the image, so all four intrinsics scale alike.
    scaled = CAMERA.pack(count, camera, model, *size, *(value / FACTOR for value in intrinsics))
    (target / "cameras.bin").write_bytes(scaled)
    for name in ("images.bin", "points3D.bin"):
        shutil.copyfile(source / name, target / name)
    with (target / "points3D.bin").open("rb") as file:
        return struct.unpack("<Q", file.read(8))[0], size


def shrink_scene(source: Path, target: Path) -> None:
    """Keep what an evaluation needs: names, stuff, intrinsics of the halved pictures."""
    target.parent.mkdir(parents=True, exist_ok=True)
    scene = json.loads(source.read_text(encoding="utf-8"))
    kept = {"width": scene["width"] // FACTOR, "height": scene["height"] // FACTOR}
    kept |= {name: scene[name] / FACTOR for name in ("fx", "fy", "cx", "cy")}
    kept |= {"objects": scene["objects"], "stuff": scene["stuff"]}
    target.write_text(json.dumps(kept, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
