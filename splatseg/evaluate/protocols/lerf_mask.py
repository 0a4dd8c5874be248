"""LERF-Mask (Gaussian Grouping, Ye et al. 2024): words select an object in the first test view; 2 to 4 test views.

    <scene>/test_mask/<i>/<prompt>.png     the true mask in the i-th test view, 8-bit grey, the object above 128
    <scene>/images, sparse/0               all photographs, registered; those in images_train are trained on

The test views are the registered photographs that are not in images_train, by name (`test_0.jpg`, ...). IoU and
boundary IoU are means over the views of a prompt, then over prompts; papers then average over three scenes. Predictions
have the layout of the truth: <scene>/<i>/<prompt>.png, set above 128.

teatime has no masks for its test view 1, and fewer prompts in view 2. The official script counts only pairs with a
prediction; its figures are given as "script_..." in addition to ours.

Source: lkeab/gaussian-grouping: docs/dataset.md, script/eval_lerf_mask.py, render_lerf_mask.py (prompts).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from splatseg.capture.images import stem_of
from splatseg.evaluate.protocols.score import over_prompts
from splatseg.evaluate.protocols.task import (
    PHOTOGRAPHS,
    Layout,
    Protocol,
    Reference,
    Row,
    Target,
    Task,
    images_in,
    mask_reader,
    subfolders,
)

LAYOUT = Layout("LERF-Mask", "<scene>/test_mask/<view>/<prompt>.png next to <scene>/images, images_train and sparse/0")
LEVEL = 128
"""Grey level above which a pixel belongs to the object."""

PROMPTS: dict[str, tuple[str, ...]] = {
    "figurines": (
        *("green apple", "green toy chair", "old camera", "porcelain hand", "red apple", "red toy chair"),
        "rubber duck with red hat",
    ),
    "ramen": ("chopsticks", "egg", "glass of water", "pork belly", "wavy noodles in bowl", "yellow bowl"),
    "teatime": (
        *("apple", "bag of cookies", "coffee mug", "cookies on a plate", "paper napkin", "plate", "sheep"),
        *("spoon handle", "stuffed bear", "tea in a glass"),
    ),
}
"""The prompts of the three scenes; all of them in test view 0."""

COMPLETE_VIEWS = {"figurines": 4, "ramen": 3, "teatime": 1}
"""Number of test views with masks for all prompts."""


def read(folder: Path) -> tuple[Task, ...]:
    """Read the scene at `folder`, or all scenes in it. Raises MaskError, listing what is missing."""
    return tuple(map(_task, LAYOUT.scenes(folder, lambda scene: (scene / "test_mask").is_dir(), "test_mask")))


def figures(rows: Sequence[Row]) -> dict[str, float]:
    """Return means over views, then over prompts, with and without the prompts' view and by the official script.

    The official script skips missing predictions.
    """
    found = [row for row in rows if not row.missing]
    return {
        "miou": over_prompts(rows, "iou"),
        "mbiou": over_prompts(rows, "boundary_iou"),
        "miou_other_views": over_prompts([row for row in rows if not row.is_reference], "iou"),
        "script_miou": over_prompts(found, "iou"),
        "script_mbiou": over_prompts(found, "boundary_iou"),
    }


PROTOCOL = Protocol("lerf-mask", LAYOUT.title, read, LEVEL, figures)


def _task(scene: Path) -> Task:
    name = scene.absolute().name
    views = sorted(subfolders(scene / "test_mask"), key=lambda view: (len(view.name), view.name))
    masks = {view.name: images_in(view) for view in views}
    expected = [
        f"test_mask/{view}/{prompt}.png"
        for view in range(COMPLETE_VIEWS.get(name, 0))
        for prompt in PROMPTS.get(name, ())
    ]
    missing = [file for file in expected if not (scene / file).is_file()]
    if not any(masks.values()):
        missing.append("test_mask/<view>/<prompt>.png")
    missing += [f"test_mask/{view} as a number, the index of a test view," for view in masks if not view.isdecimal()]
    LAYOUT.require(missing, scene)
    targets = [
        Target(path.stem, view, mask_reader(path, LEVEL), (f"{view}/{path.name}",), is_reference=view == views[0].name)
        for view, paths in masks.items()
        for path in paths
    ]
    targets.sort(key=lambda target: target.prompt)  # stable: views stay in order
    references: dict[str, Reference] = {}
    for target in targets:
        references.setdefault(target.prompt, Reference(target.view, target.truth))

    def image(view: str, names: Sequence[str]) -> str | None:
        held_out = sorted(name for name in names if Path(stem_of(name)).name not in _trained(scene))
        return held_out[int(view)] if int(view) < len(held_out) else None

    def held_out() -> tuple[str, ...]:
        trained = _trained(scene)
        LAYOUT.require([] if (scene / "images").is_dir() else ["images"], scene)
        return tuple(path.name for path in images_in(scene / "images", PHOTOGRAPHS) if path.stem not in trained)

    return Task(name, name, tuple(targets), references, image, held_out)


def _trained(scene: Path) -> set[str]:
    names = {path.stem for path in images_in(scene / "images_train", PHOTOGRAPHS)}
    LAYOUT.require([] if names else ["images_train with the photographs to train on"], scene)
    return names
