"""3D-OVS (Liu et al. 2023): every class of a short list is masked in a few views of a forward-facing scene.

    <scene>/segmentations/classes.txt            one class per line
    <scene>/segmentations/<view>/<class>.png     a mask of every class in every annotated view, 255 = the class
    <scene>/images                               <view> is an image's name without suffix, or its index by name

mIoU is the mean over classes and views; accuracy is the share of a view's pixels that are right in every class at once,
averaged over views. The annotated views are trained on like all others (papers differ; LangSplat and SAGA do).
Predictions have the layout of the truth: <scene>/<view>/<class>.png, set above 127. The official tool compares at an
eighth of the size, ObjectGS at 1440x1080; here it is the size of the truth.

The only prompt is the class's name. The oracle's is the true mask in the first view where the class is seen.

Source: Kunhao-Liu/3D-OVS README, dataLoader/llff.py, renderer.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from splatseg.errors import MaskError
from splatseg.evaluate.protocols.score import mean, over_pairs
from splatseg.evaluate.protocols.task import (
    Layout,
    Protocol,
    Reference,
    Row,
    Target,
    Task,
    mask_reader,
    same_stem,
    subfolders,
)
from splatseg.untrusted.paths import names_file

LAYOUT = Layout(
    "3D-OVS",
    "<scene>/segmentations/classes.txt and <scene>/segmentations/<view>/<class>.png next to <scene>/images",
)
TRUE_LEVEL = 254
"""Grey level above which a pixel belongs to a class. The official reader divides by 255 and truncates: only white
counts."""


def read(folder: Path) -> tuple[Task, ...]:
    """Read the scene at `folder`, or all scenes in it. Raises MaskError, listing what is missing."""
    scenes = LAYOUT.scenes(folder, lambda scene: (scene / "segmentations").is_dir(), "segmentations/classes.txt")
    return tuple(map(_task, scenes))


def figures(rows: Sequence[Row]) -> dict[str, float]:
    """Return mean IoU over classes and views, mean accuracy over views, and boundary IoU, which is our addition.

    accuracy: the share of pixels that are right in every class.
    """
    exact = {row.view: row.exact for row in rows}
    return {
        "miou": over_pairs(rows, "iou"),
        "accuracy": mean(exact.values()),
        "mbiou": over_pairs(rows, "boundary_iou"),
    }


PROTOCOL = Protocol("3d-ovs", LAYOUT.title, read, 127, figures, whole_pixels=True)


def _task(scene: Path) -> Task:
    root = scene / "segmentations"
    LAYOUT.require([] if (root / "classes.txt").is_file() else ["segmentations/classes.txt"], scene)
    classes = _classes(root / "classes.txt")
    views = subfolders(root)
    missing = [
        f"segmentations/{view.name}/{name}.png"
        for view in views
        for name in classes
        if not names_file(view / f"{name}.png")
    ]
    LAYOUT.require(missing if views else ["segmentations/<view>"], scene)
    targets, references = [], {}
    for name in classes:
        for view in views:
            truth = mask_reader(view / f"{name}.png", TRUE_LEVEL)
            prompts_here = name not in references and bool(truth().any())
            if prompts_here:
                references[name] = Reference(view.name, truth)
            targets.append(Target(name, view.name, truth, (f"{view.name}/{name}.png",), is_reference=prompts_here))
    return Task(scene.absolute().name, scene.absolute().name, tuple(targets), references, _image)


def _classes(path: Path) -> list[str]:
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise MaskError(f"{path} cannot be read ({error}); give a text file with one class per line") from error
    classes = sorted({line.strip() for line in lines} - {""})
    if not classes:
        raise MaskError(f"{path} names no class; write one per line")
    return classes


def _image(view: str, names: Sequence[str]) -> str | None:
    named = same_stem(view, names)
    if named is None and view.isdecimal() and int(view) < len(names):
        return sorted(names)[int(view)]
    return named
