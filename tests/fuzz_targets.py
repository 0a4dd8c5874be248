"""Every reader of files as a target for damaged ones: its file, small seeds by our own writers, and the call.

A target has three parts made once in a folder of its own: the path at which damaged content is put, whole files to
begin with, and a function that reads. An error that is not a SplatsegError is a fault in all of them.
"""

from __future__ import annotations

import dataclasses
import io
import json
import struct
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import numpy as np
import torch
from capture_files import binary_files, model, text_files, transforms_capture, write_files, write_image
from lenses import PARAMETERS
from PIL import Image
from PIL.PngImagePlugin import PngInfo
from rle_writer import compressed, run_lengths
from scenes import colorful_splats
from scipy import sparse

from splatseg.cameras.lens_models import MODELS
from splatseg.cameras.path import path_of_views, path_through, reframed
from splatseg.capture.capture import Capture, load_cameras, load_capture
from splatseg.capture.colmap import read_model
from splatseg.capture.ignore_masks import read_ignored
from splatseg.capture.images import read_image, size_for
from splatseg.capture.point_cloud import read_point_cloud
from splatseg.capture.transforms_json import write_transforms
from splatseg.checks.other_worlds import moved_by_file
from splatseg.cluster.hierarchy import Hierarchy
from splatseg.cluster.hierarchy_file import read_hierarchy, write_hierarchy
from splatseg.evaluate.protocols.lerf_ovs import read as read_lerf_ovs
from splatseg.evaluate.protocols.task import read_grey
from splatseg.evaluate.truth import read_scene
from splatseg.formats.compressed_ply import write_compressed_ply
from splatseg.formats.gaussforge import write_spz
from splatseg.formats.parts.opening import open_blocks
from splatseg.formats.parts.streamed_sog import finest_chunks
from splatseg.formats.parts.streamed_sog_writing import write_streamed_sog
from splatseg.formats.ply.ply import write_ply
from splatseg.formats.read import find_splat, load_splats
from splatseg.formats.sidecar import read_sidecar_table, write_sidecar
from splatseg.formats.sog import write_sog
from splatseg.formats.splat import write_splat
from splatseg.masks.formats.coco_dataset import read_coco_dataset
from splatseg.masks.formats.label_maps import read_label_map
from splatseg.masks.formats.mask_files import METADATA, read_mask_files
from splatseg.masks.formats.read import read_segments
from splatseg.masks.propose.mask_file import count_masks
from splatseg.masks.propose.record import recorded_counts
from splatseg.report import run_report
from splatseg.report.evaluated import read_evaluated
from splatseg.run.create import create_run
from splatseg.run.folder import Run, open_run
from splatseg.run.kept_cameras import CAMERAS, keep_cameras, kept_capture, moved_with
from splatseg.run.settings import CaptureSettings, RunSettings
from splatseg.scene.earlier_segments import Earlier, earlier_segments, write_earlier
from splatseg.scene.keeper import read_unsaved, write_unsaved
from splatseg.scene.opening import open_scene
from splatseg.scene.prompt_mask import read_prompt_mask
from splatseg.scene.scene import Scene
from splatseg.scene.table_state import Edit, Edits, Labeling, read_edits, write_edits
from splatseg.segments.segment import Segment
from splatseg.segments.segments_json import read_segments as read_table
from splatseg.segments.segments_json import write_segments
from splatseg.splats.blocks import each_block
from splatseg.splats.made_of import as_fact, is_stale, made_of
from splatseg.train.checkpoint import Checkpoint, read_checkpoint, write_checkpoint
from splatseg.votes.agreement import Agreement
from splatseg.votes.file import read_votes, write_votes
from splatseg.votes.votes import Votes
from splatseg.words.described import Described, read_described, write_described

Made = tuple[Path, list[bytes], Callable[[], object]]
"""Path of the damaged file, whole files, the call that reads it."""


@dataclass(frozen=True)
class Target:
    """A reader under attack."""

    name: str
    make: Callable[[Path], Made]
    """Make the files in a folder."""
    container: str = ""
    """Container whose content is damaged too, a key of `fuzz_mutator.CONTAINERS`."""
    slow: bool = False
    """It starts a process for each file."""


LABELS = np.kron(np.array([[0, 1, 2], [3, 1, 0]], np.uint8), np.ones((4, 4), np.uint8))
MASKS = np.stack([i == LABELS for i in (1, 2, 3)])
HEIGHT, WIDTH = LABELS.shape


def picture(array: np.ndarray, kind: str, **options: Any) -> bytes:
    """An array as an image file."""
    buffer = io.BytesIO()
    Image.fromarray(array).save(buffer, kind, **options)
    return buffer.getvalue()


def written(write: Callable[[Path], object], path: Path) -> bytes:
    """The bytes that a writer puts at a path."""
    write(path)
    return path.read_bytes()


def _splat(suffix: str, *writers: Callable[[Path], object]) -> Callable[[Path], Made]:
    def make(folder: Path) -> Made:
        path = folder / f"a{suffix}"
        return path, [written(write, path) for write in writers], lambda: load_splats(path)

    return make


def _in_blocks(folder: Path) -> Made:
    path = folder / "a.ply"

    def read() -> object:
        return list(each_block(open_blocks(path, 7)))

    return path, [written(write, path) for write in _ply_seeds()], read


def _streamed_sog(folder: Path) -> Made:
    write_streamed_sog(folder / "scene", [SMALL])
    index = folder / "scene" / "lod-meta.json"
    return index, [index.read_bytes()], lambda: finest_chunks(index)


def _ascii_ply(path: Path) -> None:
    names = [*"xyz", "f_dc_0", "f_dc_1", "f_dc_2", "opacity", *(f"scale_{i}" for i in range(3))]
    names += [f"rot_{i}" for i in range(4)]
    lines = ["ply", "format ascii 1.0", "comment by hand", "element vertex 3"]
    lines += [f"property float {name}" for name in names] + ["property int segment_id", "end_header"]
    lines += [" ".join(f"{i * 0.1 + j:.3g}" for j in range(len(names))) + f" {i}" for i in range(3)]
    path.write_text("\n".join(lines) + "\n")


def _ksplat(path: Path) -> None:
    """One section of 4 Gaussians without compression."""
    header = bytearray(4096 + 1024)
    header[1] = 1
    struct.pack_into("<IIII", header, 4, 1, 1, 4, 4)
    struct.pack_into("<IIII", header, 4096, 4, 4, 0, 0)
    rows = b"".join(struct.pack("<3f3f4f4B", i, 0, 0, 0.1, 0.1, 0.1, 1, 0, 0, 0, 9, 99, 199, 255) for i in range(4))
    path.write_bytes(bytes(header) + rows)


def _sidecar(folder: Path) -> Made:
    splat = folder / "a.splat"
    write_splat(splat, colorful_splats(20, 0))
    table = [{"id": 1, "name": "mug", "color": "#010203", "count": 5, "box": [[0, 0, 0], [1, 1, 1]], "parent": None}]
    where = write_sidecar(splat, colorful_splats(20, 0).segment_ids, table)

    def read() -> object:
        return open_scene(splat, Scene), read_sidecar_table(splat)

    return where, [where.read_bytes()], read


def _point_cloud(folder: Path) -> Made:
    path = folder / "points.ply"
    head = "ply\nformat {} 1.0\nelement vertex 2\nproperty float x\nproperty float y\nproperty float z\n"
    head += "property uchar red\nproperty uchar green\nproperty uchar blue\nend_header\n"
    text = head.format("ascii") + "0 1 2 10 20 30\n3 4 5 40 50 60\n"
    row = struct.pack("<3f3B", 1, 2, 3, 4, 5, 6)
    return path, [text.encode(), head.format("binary_little_endian").encode() + 2 * row], lambda: read_point_cloud(path)


def _colmap(name: str) -> Callable[[Path], Made]:
    def make(folder: Path) -> Made:
        content = model(["a.png", "left/b.png"])
        files = text_files(content) if name.endswith(".txt") else binary_files(content)
        write_files(folder / "sparse" / "0", files)
        for image in ("a.png", "left/b.png"):
            write_image(folder / "images" / image)

        bent = []
        for camera, params in PARAMETERS.items():
            scaled = tuple(value / 20 if value > 5 else float(value) for value in params)  # to pictures of 32x24
            lens = dataclasses.replace(content, cameras=[(1, camera, list(MODELS).index(camera), 32, 24, scaled)])
            bent.append((text_files(lens) if name.endswith(".txt") else binary_files(lens))[name])

        def read() -> object:
            return read_model(folder / "sparse" / "0"), _looked_at(load_capture(folder))

        seeds = [files[name], *bent] if name.startswith("cameras") else [files[name]]
        return folder / "sparse" / "0" / name, seeds, read

    return make


def _looked_at(capture: Capture) -> object:
    """All views, and the first photograph and its ignored pixels, through its lens."""
    return capture.views, capture.views[0].image(), capture.views[0].ignored()


def _transforms(folder: Path) -> Made:
    transforms_capture(folder, ["a.png", "images/b.png"], ply_file_path="points.ply", test_filenames=["a.png"])
    path = folder / "transforms.json"
    whole = json.loads(path.read_text())
    whole["frames"][0]["mask_path"] = "m.png"
    Image.fromarray(LABELS).save(folder / "m.png")
    _point_cloud(folder)[0].write_bytes(_point_cloud(folder)[1][0])
    seeds = [path.read_bytes(), json.dumps(whole).encode()]
    bent = {"k1": -0.2, "k2": 0.05, "k3": 0.01, "k4": 0.0, "p1": 0.001, "p2": -0.002}
    for camera in ("OPENCV", "OPENCV_FISHEYE", "FULL_OPENCV", "FISHEYE624", "EQUIRECTANGULAR"):
        seeds.append(json.dumps(whole | bent | {"camera_model": camera}).encode())
    return path, seeds, lambda: _looked_at(load_capture(folder))


def _keyframes(folder: Path) -> Made:
    path = folder / "keyframes.json"
    cameras = {f"{i}": view.camera for i, view in enumerate(load_capture(transforms_capture(folder, ["a.png"])).views)}
    camera = cameras["0"]
    cameras |= {str(i): type(camera)(camera.viewmat + i * np.eye(4, k=3), camera.K, 32, 24) for i in (1, 2, 3)}
    write_transforms(path, cameras)

    def read() -> object:
        keyframes = [reframed(view.camera, 32, 24) for view in load_cameras(path)]
        return path_through(keyframes, 8), path_of_views(keyframes)

    return path, [path.read_bytes()], read


def _mask(suffix: str, *seeds: bytes) -> Callable[[Path], Made]:
    def make(folder: Path) -> Made:
        path = folder / f"a{suffix}"
        return path, [*seeds], lambda: read_segments(path)

    return make


def _mask_png(folder: Path) -> Made:
    path = folder / "a.png"
    rgb = np.stack([LABELS * 80, LABELS * 20, 255 - LABELS], 2)
    soft = np.linspace(0, 255, 24 * 20).reshape(20, 24).astype(np.uint8)
    indexed = Image.fromarray(LABELS, "L").convert("P")
    buffer = io.BytesIO()
    indexed.save(buffer, "PNG")
    cut_out = np.dstack([rgb, (LABELS > 1) * np.uint8(255)])
    grey = cut_out[..., 2:]
    arrays = (LABELS, LABELS.astype(np.uint16) * 9000, rgb, soft, LABELS > 1, cut_out, grey)
    seeds = [picture(array, "PNG") for array in arrays]
    return path, [*seeds, buffer.getvalue()], lambda: (read_segments(path), read_label_map(path))


def _arrays(**arrays: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)
    return buffer.getvalue()


def _array(array: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array)
    return buffer.getvalue()


def _tensor(content: Any, legacy: bool = False) -> bytes:
    buffer = io.BytesIO()
    torch.save(content, buffer, _use_new_zipfile_serialization=not legacy)
    return buffer.getvalue()


PACKED = np.packbits(MASKS.reshape(3, -1), axis=1)
NPZ = [
    _arrays(packed=PACKED, shape=np.array(MASKS.shape), score=np.ones(3, np.float32)),
    _arrays(masks=MASKS, scores=np.ones(3)),
    _arrays(labels=LABELS.astype(np.int64)),
    _arrays(mug=MASKS[0], cup=MASKS[1]),
]
POLYGONS = [[0.0, 0.0, 8.0, 0.0, 8.0, 6.0, 0.0, 6.0], [2, 1, 5, 1, 5, 4]]
RLE = [{"size": [HEIGHT, WIDTH], "counts": compressed(run_lengths(mask))} for mask in MASKS]
SAM = [{"segmentation": rle, "predicted_iou": 0.9} for rle in RLE]
SAM_PLAIN = [{"segmentation": {"size": [HEIGHT, WIDTH], "counts": run_lengths(mask)}} for mask in MASKS]
COCO = {
    "images": [{"id": 1, "file_name": "a.png", "width": WIDTH, "height": HEIGHT}],
    "annotations": [{"image_id": 1, "segmentation": POLYGONS}, {"image_id": 1, "segmentation": RLE[0], "score": 0.5}],
}
SHAPES = [
    {"shape_type": "polygon", "points": [[0, 0], [8, 0], [4, 6]], "label": "a", "group_id": 1},
    {"shape_type": "rectangle", "points": [[1, 1], [6, 5]], "label": "a", "group_id": 1},
    {"shape_type": "circle", "points": [[5, 4], [5, 6]], "label": "b", "group_id": None},
    {"shape_type": "line", "points": [[5, 4], [5, 6]], "label": "c", "group_id": None},
]
LABELME = {"imageWidth": WIDTH, "imageHeight": HEIGHT, "shapes": SHAPES}
JSON_MASKS = [
    json.dumps(content).encode()
    for content in (
        *(SAM, SAM_PLAIN, COCO, LABELME),
        {"image": {"file_name": "a.png", "width": WIDTH, "height": HEIGHT}, "annotations": SAM},
        {"img_width": WIDTH, "img_height": HEIGHT, "annotations": [{"segmentation": str(RLE[0]["counts"].encode())}]},
        [{"segmentation": mask.tolist(), "score": [[0.5]]} for mask in MASKS],
        {"masks": RLE},
    )
]


def _coco(folder: Path) -> Made:
    path = folder / "coco.json"

    def read() -> object:
        dataset = read_coco_dataset(path)
        return [dataset.segments(name) for name in dataset.images]

    return path, [json.dumps(COCO).encode()], read


def _photograph(kind: str, *seeds: bytes) -> Callable[[Path], Made]:
    def make(folder: Path) -> Made:
        path = folder / f"a.{kind}"
        camera = load_cameras(transforms_capture(folder, ["t.png"]) / "transforms.json")[0].camera

        def read() -> object:
            return read_image(path, *size_for(path, camera), (255, 255, 255)), read_grey(path)

        return path, list(seeds), read

    return make


RGB = np.random.default_rng(0).integers(0, 255, (24, 32, 3)).astype(np.uint8)
GREY16 = (RGB[..., 0].astype(np.uint16)) * 200


def _painted(which: str) -> Callable[[Path], Made]:
    def make(folder: Path) -> Made:
        path = folder / "a.png"
        camera = load_cameras(transforms_capture(folder, ["t.png"]) / "transforms.json")[0].camera
        read = {
            "ignore": lambda: read_ignored(path, camera, np.asarray),
            "prompt": lambda: read_prompt_mask(path, camera, "t.png"),
        }[which]
        return path, [picture(RGB, "PNG"), picture(RGB[..., 0], "PNG"), picture(RGB[..., 0] > 99, "PNG")], read

    return make


def _scene_json(folder: Path) -> Made:
    path = folder / "scene.json"
    seed = {"objects": {"1": "table", "2": "mug"}, "stuff": [23, 24]}
    return path, [json.dumps(seed).encode()], lambda: read_scene(path)


def _lerf_ovs(folder: Path) -> Made:
    path = folder / "label" / "table" / "frame_00002.json"
    path.parent.mkdir(parents=True)
    thing = {"category": "mug", "segmentation": [[2, 2], [8, 2], [8, 8]], "bbox": [2, 2, 8, 8]}
    seed = {"info": {"name": "frame_00002.jpg", "width": 24, "height": 16}, "objects": [thing, thing]}

    def read() -> object:
        return [target.truth() for task in read_lerf_ovs(folder) for target in task.targets]

    return path, [json.dumps(seed).encode()], read


def _record(folder: Path) -> Made:
    path = folder / "masks.json"
    seed = {"generator": "sam", "settings": {"points": 8}, "views": {"a.png": 3}}
    return path, [json.dumps(seed).encode()], lambda: recorded_counts(folder)


def _mask_file(folder: Path) -> Made:
    path = folder / "a.json"
    return path, [JSON_MASKS[4]], lambda: count_masks(path)


def _run(folder: Path) -> Run:
    transforms_capture(folder / "capture", ["a.png", "b.png"])
    return create_run(folder / "run", RunSettings.of(CaptureSettings(str(folder / "capture"))))


ROWS = (
    Segment(3, 'a "quoted" <name> é', (1, 2, 255), 12, ((0.5, -1.0, 2.0), (1.0, 0.0, 3.0)), None),
    Segment(4, "part", (0, 0, 0), 1, ((0.0, 0.0, 0.0), (0.0, 0.0, 0.0)), 3, 0.8125),
)


def _segments_json(folder: Path) -> Made:
    path = folder / "segments.json"
    return path, [written(lambda path: write_segments(path, ROWS), path)], lambda: read_table(path)


def _config(folder: Path) -> Made:
    run = _run(folder)
    path = run.path / "config.yaml"

    def read() -> object:
        return repr(open_run(run.path)), open_run(run.path).settings.capture.load()

    return path, [path.read_bytes()], read


def _metrics(folder: Path) -> Made:
    run = _run(folder)
    run.record(timing="train", seconds=1.5)
    run.record(step=100, loss=0.25, gaussians=5)
    path = run.path / "metrics.jsonl"
    return path, [path.read_bytes()], lambda: (run.metrics(), run_report.timings(run))


def _evaluation(folder: Path) -> Made:
    run = _run(folder)
    thing = {"name": "mug", "prompt_view": "a.png", "iou": 0.5, "boundary_iou": 0.25}
    seed = {"means": {"miou": 0.5, "mbiou": 0.4, "ari": 0.3}, "objects": {"things": [thing], "stuff": []}}

    splats = colorful_splats(20, 0)
    marked = seed | {"made_of": made_of(splats, "segments")}
    seeds = [json.dumps(content).encode() for content in (seed, marked)]
    return run.evaluation_path, seeds, lambda: read_evaluated(run, splats)


def _votes(folder: Path) -> Made:
    rng = np.random.default_rng(0)
    dense = (rng.random((40, 6)) * (rng.random((40, 6)) < 0.3)).astype(np.float32)
    numbers = [np.array(row, np.int32) for row in ([0, 0, 1, 1, 1, 2], [1, 2, 1, 2, 3, 1], [0, 0, 0, 1, 1, 0])]
    views = ("a.png", "c/d.png", "e.png")
    plain = Votes(
        sparse.csr_array(dense), numbers[0], numbers[1], np.arange(6, dtype=np.int64), dense.sum(1), views, numbers[2]
    )
    path = folder / "votes.safetensors"

    def read() -> object:
        agreement = Agreement(read_votes(path))
        return agreement.tallies(np.arange(agreement.gaussians) % 2 > 0)

    return path, [written(lambda path: write_votes(path, plain), path)], read


def _hierarchy(folder: Path) -> Made:
    path = folder / "hierarchy.safetensors"
    atoms = np.array([1, 2, 3, 4, 0, 1], np.int32)
    tree = Hierarchy(atoms, np.array([[1, 2], [3, 5]], np.int32), np.array([0.3, 0.6], np.float32))

    def read() -> object:
        found = read_hierarchy(path)
        return found.cut(0.5), found.tally(np.ones(len(found.atoms))), found.members(1), found.chain(1), found.parents

    return path, [written(lambda path: write_hierarchy(path, tree), path)], read


def _checkpoint(kind: str) -> Callable[[Path], Made]:
    def make(folder: Path) -> Made:
        state = Checkpoint(5, {"means": torch.ones(3, 2), "none": torch.zeros(3, 0)}, {"seed": 7, "views": ["a.png"]})
        path = write_checkpoint(folder, state).with_suffix(kind)
        return path, [path.read_bytes()], lambda: read_checkpoint(folder)

    return make


def _words(folder: Path) -> Made:
    path = folder / "words.safetensors"
    rows = np.eye(3, 4, dtype=np.float32)
    known = Described(
        np.array([4, 2], np.int32), rows[:2], np.array([5, 6], np.int64), ("red", "mug", "sky"), rows, "colors", "there"
    )

    def read() -> object:
        found = read_described(path)
        return found.changed(np.array([4, 4, 2, 0])), found.those(np.array([4])), " ".join(found.words)

    return path, [written(lambda path: write_described(path, known), path)], read


def _earlier(folder: Path) -> Made:
    run, splats = _run(folder), colorful_splats(20, 0)
    write_segments(run.segments_path, ROWS)
    older = Earlier((np.arange(20, dtype=np.int32) % 3,), {1: "mug", 2: "cup"}, {1: (1, 2, 3)}, 7)
    write_earlier(run.earlier_path, older)

    def read() -> object:
        assert splats.segment_ids is not None
        known = earlier_segments(run, splats)
        return known.ids, known.without(splats.segment_ids.numpy())

    return run.earlier_path, [run.earlier_path.read_bytes()], read


def _unsaved(folder: Path) -> Made:
    run = _run(folder)
    splats = colorful_splats(20, 0)
    write_ply(run.splats_path, splats)
    write_unsaved(run.unsaved_path, np.arange(20, dtype=np.int32), 30, made_of(splats, "geometry"))
    return run.unsaved_path, [run.unsaved_path.read_bytes()], lambda: read_unsaved(run, splats)


def _edits(folder: Path) -> Made:
    ids, rows = np.repeat(np.array([3, 4], np.int32), 10), {row.id: row for row in ROWS}
    now, where = Labeling(ids, rows), np.arange(10, dtype=np.int32)
    edit = Edit("split", ({4: ROWS[1]}, rows), where, (np.full(10, 4, np.int32), ids[:10]))
    path = folder / "edits.safetensors"
    write_edits(path, now, Edits((edit,)))
    return path, [path.read_bytes()], lambda: read_edits(path, now)


def _cameras(folder: Path) -> Made:
    keep_cameras(folder, load_capture(transforms_capture(folder / "capture", ["a.png", "b.png"])))
    path = folder / CAMERAS

    def read() -> object:
        return kept_capture(folder, folder / "capture", "it is gone"), moved_with(folder)

    seeds = [path.read_bytes()]
    transforms_capture(
        folder / "capture", ["a.png", "b.png"], camera_model="OPENCV_FISHEYE", fl_x=9.0, fl_y=9.0, k1=0.1
    )
    keep_cameras(folder, load_capture(folder / "capture"))
    return path, [*seeds, path.read_bytes()], read


def _other_world(folder: Path) -> Made:
    capture = load_capture(transforms_capture(folder, ["a.png"], applied_transform=np.eye(4)[:3].tolist()))
    path = folder / "dataparser_transforms.json"
    seed = {"transform": np.eye(4)[:3].tolist(), "scale": 0.5}
    return path, [json.dumps(seed).encode()], lambda: moved_by_file(folder / "a.ply", capture)


def _digests(suffix: str) -> Callable[[Path], Made]:
    def make(folder: Path) -> Made:
        path, splats = folder / f"a{suffix}", colorful_splats(20, 0)
        facts = as_fact(made_of(splats, "segments"))
        if suffix == ".png":
            info = PngInfo()
            info.add_text("made_of", facts["made_of"])
            Image.fromarray(LABELS).save(path, pnginfo=info)
        else:
            path.write_text(f'<meta name="splatseg-made_of" content="{facts["made_of"]}">'.replace('{"', "{&quot;"))
        return path, [path.read_bytes()], lambda: is_stale(path, splats)

    return make


def _table_of_masks(folder: Path) -> Made:
    files = [folder / f"{i}.png" for i in (0, 1)]
    for file, mask in zip(files, MASKS, strict=False):
        Image.fromarray(mask).save(file)
    seed = b"id,area,predicted_iou,stability_score\r\n0,30,0.9,0.95\r\n1,20,0.8,nan\r\n"
    return folder / METADATA, [seed], lambda: read_mask_files(files)


def _folder_of_sog(folder: Path) -> Made:
    whole = folder / "whole.sog"
    write_sog(whole, colorful_splats(20, 0).plain())
    with ZipFile(whole) as archive:
        archive.extractall(folder)
    path = folder / "meta.json"
    return path, [path.read_bytes()], lambda: (find_splat(folder), load_splats(path))


def _ply_seeds() -> tuple[Callable[[Path], object], ...]:
    return lambda path: write_ply(path, colorful_splats(8)), lambda path: write_ply(path, colorful_splats(8, 0).plain())


def _compressed(degree: int) -> Callable[[Path], object]:
    return lambda path: write_compressed_ply(path, colorful_splats(8, degree).plain())


SMALL = colorful_splats(8, 1).plain()

TENSORS = (_tensor(torch.from_numpy(MASKS)), _tensor({"masks": torch.from_numpy(LABELS)}, legacy=True))
TIFFS = tuple(picture(RGB, "TIFF", compression=kind) for kind in ("raw", "tiff_lzw", "tiff_deflate"))
OTHERS = tuple(picture(RGB, kind) for kind in ("BMP", "GIF", "TGA", "PPM"))
COLMAP = tuple(stem + kind for stem in ("cameras", "images", "points3D") for kind in (".bin", ".txt"))

TARGETS = (
    Target("ply", _splat(".ply", *_ply_seeds())),
    Target("ply, in blocks", _in_blocks),
    Target("ply, text", _splat(".ply", _ascii_ply)),
    Target("compressed ply", _splat(".compressed.ply", _compressed(0), _compressed(1))),
    Target("splat", _splat(".splat", lambda path: write_splat(path, SMALL))),
    Target("spz", _splat(".spz", lambda path: write_spz(path, SMALL)), "gzip", slow=True),
    Target("sog, not packed", _folder_of_sog, "json", slow=True),
    Target("streamed sog", _streamed_sog, "json"),
    Target("sog", _splat(".sog", lambda path: write_sog(path, SMALL)), "zip", slow=True),
    Target("ksplat", _splat(".ksplat", _ksplat), slow=True),
    Target("sidecar", _sidecar, "zip"),
    Target("point cloud", _point_cloud),
    *(Target(f"colmap {name}", _colmap(name)) for name in COLMAP),
    Target("transforms", _transforms, "json"),
    Target("mask png", _mask_png),
    Target("mask tiff", _mask(".tif", picture(LABELS, "TIFF"), picture(MASKS[0], "TIFF"))),
    Target("mask gif", _mask(".gif", picture(LABELS, "GIF"))),
    Target("mask webp", _mask(".webp", picture(np.stack([LABELS * 80] * 3, 2), "WEBP", lossless=True))),
    Target("mask png, sums right", _mask_png, "png"),
    Target("mask npz", _mask(".npz", *NPZ), "zip"),
    Target(
        "mask npy",
        _mask(".npy", _array(LABELS), _array(MASKS), _array(LABELS.astype(np.float32)), _array(MASKS[None] * 0.98)),
        "npy",
    ),
    Target("mask pt", _mask(".pt", *TENSORS), "zip"),
    Target("mask json", _mask(".json", *JSON_MASKS), "json"),
    Target("coco", _coco, "json"),
    Target("photograph jpeg", _photograph("jpg", picture(RGB, "JPEG"), picture(RGB[..., 0], "JPEG", progressive=True))),
    Target("photograph png", _photograph("png", picture(RGB, "PNG"), picture(GREY16, "PNG")), "png"),
    Target("photograph webp", _photograph("webp", picture(RGB, "WEBP"), picture(RGB, "WEBP", lossless=True))),
    Target("photograph tiff", _photograph("tif", *TIFFS)),
    Target("photograph bmp to ppm", _photograph("png", *OTHERS)),
    Target("photograph jpeg 2000", _photograph("jp2", picture(RGB, "JPEG2000"))),
    Target("ignore mask", _painted("ignore"), "png"),
    Target("prompt mask", _painted("prompt"), "png"),
    Target("truth scene.json", _scene_json, "json"),
    Target("truth lerf-ovs", _lerf_ovs, "json"),
    Target("record masks.json", _record, "json"),
    Target("count of masks", _mask_file, "json"),
    Target("keyframes", _keyframes, "json"),
    Target("segments.json", _segments_json, "json"),
    Target("config.yaml", _config),
    Target("metrics.jsonl", _metrics, "lines"),
    Target("evaluation.json", _evaluation, "json"),
    Target("cameras.json of a run", _cameras, "json"),
    Target("dataparser_transforms.json", _other_world, "json"),
    Target("digests of a picture", _digests(".png"), "png"),
    Target("digests of a page", _digests(".html")),
    Target("table of masks", _table_of_masks),
    Target("votes", _votes, "safetensors"),
    Target("hierarchy", _hierarchy, "safetensors"),
    Target("checkpoint json", _checkpoint(".json"), "json"),
    Target("checkpoint tensors", _checkpoint(".safetensors"), "safetensors"),
    Target("words", _words, "safetensors"),
    Target("earlier segments", _earlier, "safetensors"),
    Target("unsaved segments", _unsaved, "safetensors"),
    Target("edits", _edits, "safetensors"),
)
"""All readers."""
