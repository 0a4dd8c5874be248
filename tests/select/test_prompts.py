"""Several prompts together: what is wanted adds up, what is not is taken away in pieces."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scenes import ring, things

from splatseg.cameras.camera import Camera
from splatseg.cluster.hierarchy import Hierarchy
from splatseg.errors import PromptError
from splatseg.select.knowledge import Knowledge
from splatseg.select.prompt import Prompt
from splatseg.select.prompts import levels_of_click, select_by_prompts
from splatseg.select.session import Session
from splatseg.select.threshold import iou, render_members
from splatseg.splats.splats import Splats

CAMERAS = ring(4)


def scene() -> tuple[Splats, np.ndarray]:
    """Three things, each with a feature and a segment of its own; thing 1 and 3 are also one group."""
    splats, thing = things()
    features = np.eye(8)[thing] + 0.02 * np.random.default_rng(0).normal(size=(len(thing), 8))
    carried = {"features": torch.tensor(features, dtype=torch.float32), "segment_ids": torch.tensor(thing).int()}
    return splats.replace(**carried), thing


def halves(thing: np.ndarray) -> Hierarchy:
    """Atoms are halves of the things; things are one from 0.3 on, 1 and 3 from 0.8 on."""
    atoms = 2 * thing - np.arange(len(thing)) % 2
    merges = np.array([[1, 2], [3, 4], [5, 6], [7, 9]], dtype=np.int32)
    return Hierarchy(atoms.astype(np.int32), merges, np.array([0.3, 0.3, 0.3, 0.8], dtype=np.float32))


def click_on(splats: Splats, camera: Camera, members: np.ndarray, wanted: bool = True) -> Prompt:
    pixels, depths = camera.project(splats.means.numpy()[members].astype(np.float64))
    x, y = pixels[int(depths.argmin())]
    return Prompt(camera, click=(float(x), float(y)), wanted=wanted)


def mask_on(splats: Splats, camera: Camera, members: np.ndarray, wanted: bool = True) -> Prompt:
    return Prompt(camera, mask=render_members(splats.prepare(camera), members[None])[0], wanted=wanted)


def test_clicks_on_two_things_in_two_views_select_both() -> None:
    splats, thing = scene()
    prompts = [click_on(splats, CAMERAS[0], thing == 1), click_on(splats, CAMERAS[2], thing == 3)]
    np.testing.assert_array_equal(select_by_prompts(splats, prompts).members, thing != 2)


def test_the_order_of_prompts_does_not_matter() -> None:
    splats, thing = scene()
    prompts = [click_on(splats, CAMERAS[k], thing == label) for k, label in ((0, 1), (2, 3), (0, 2))]
    one, other = (select_by_prompts(splats, order).members for order in (prompts, prompts[::-1]))
    np.testing.assert_array_equal(one, other)


def test_a_granularity_decides_what_a_click_takes() -> None:
    splats, thing = scene()
    click, hierarchy = click_on(splats, CAMERAS[0], thing == 1), halves(thing)
    for granularity, expected in ((0.9, thing != 2), (0.5, thing == 1)):
        found = select_by_prompts(splats, [click], Knowledge(None, hierarchy, granularity))
        np.testing.assert_array_equal(found.members, expected)
    with pytest.raises(PromptError, match="no hierarchy"):
        select_by_prompts(splats, [click], Knowledge(None, None, 0.5))


@pytest.mark.parametrize("kind", [click_on, mask_on])
def test_an_unwanted_prompt_takes_the_whole_thing_it_points_at_out_of_a_group(kind) -> None:
    splats, thing = scene()
    prompts = [click_on(splats, CAMERAS[0], thing == 1), kind(splats, CAMERAS[0], thing == 3, wanted=False)]
    found = select_by_prompts(splats, prompts, Knowledge(None, halves(thing), 0.9))
    np.testing.assert_array_equal(found.members, thing == 1)


def test_an_unwanted_click_on_a_part_leaves_the_wanted_part() -> None:
    splats, thing = scene()
    side = splats.means.numpy()[:, 1] > splats.means.numpy()[thing == 2, 1].mean()
    atoms = (2 * thing - side).astype(np.int32)
    hierarchy = Hierarchy(atoms, halves(thing).merges, halves(thing).levels)
    prompts = [
        click_on(splats, CAMERAS[0], (thing == 2) & side),
        click_on(splats, CAMERAS[0], (thing == 2) & ~side, wanted=False),
    ]
    found = select_by_prompts(splats, prompts, Knowledge(None, hierarchy)).members
    np.testing.assert_array_equal(found, (thing == 2) & side)


def test_levels_of_a_click_hold_the_segment_though_the_heaviest_atom_is_elsewhere() -> None:
    splats, thing = scene()
    click = click_on(splats, CAMERAS[0], thing == 1)
    assert click.click is not None
    heaviest = Session(splats).look(CAMERAS[0], click.click).most(np.arange(len(thing)))
    # Each Gaussian of thing 1 is an atom; the one that is seen best went to thing 2.
    atoms = np.where(thing == 1, np.arange(len(thing)) + 3, thing - 1)
    atoms[heaviest] = 1
    atoms = np.unique(atoms, return_inverse=True)[1].astype(np.int32) + 1
    count, node, merges = int(atoms.max()), 3, []
    for atom in range(4, count + 1):
        merges.append([node, atom])
        node = count + len(merges)
    merges += [[1, 2], [node, node + 1]]
    levels = np.array([0.3] * (count - 3) + [0.7, 0.8], dtype=np.float32)
    hierarchy = Hierarchy(atoms, np.array(merges, dtype=np.int32), levels)
    found = levels_of_click(Session(splats), click, Knowledge(None, hierarchy))
    assert found.node(found.default) == node


def test_without_a_hierarchy_gaussians_follow_the_prompt_they_resemble() -> None:
    splats, thing = scene()
    splats = splats.replace(segment_ids=torch.ones(len(thing), dtype=torch.int32))
    wide = Prompt(CAMERAS[0], box=(0.0, 0.0, 36.0, 24.0))
    found = select_by_prompts(splats, [wide, click_on(splats, CAMERAS[0], thing == 3, wanted=False)]).members
    assert not found[thing == 3].any() and found[thing == 1].all()


def test_where_both_prompts_look_alike_an_unwanted_click_takes_only_what_is_around_it() -> None:
    splats, thing = scene()
    hierarchy = Hierarchy(thing.astype(np.int32), np.zeros((0, 2), dtype=np.int32), np.zeros(0, dtype=np.float32))
    means = splats.means.numpy()
    low = (thing == 2) & (means[:, 1] > np.quantile(means[thing == 2, 1], 0.9))
    high = (thing == 2) & (means[:, 1] < np.quantile(means[thing == 2, 1], 0.1))
    wanted, unwanted = click_on(splats, CAMERAS[0], high), click_on(splats, CAMERAS[0], low, wanted=False)
    found = select_by_prompts(splats, [wanted, unwanted], Knowledge(None, hierarchy, 0.5)).members
    assert 0.7 * (thing == 2).sum() < found.sum() < (thing == 2).sum()
    assert not found[thing != 2].any()


def test_masks_of_several_views_describe_one_thing() -> None:
    splats, thing = scene()
    noisy = splats.features + 0.35 * torch.randn(splats.features.shape, generator=torch.Generator().manual_seed(1))
    splats = splats.replace(features=noisy)
    prompts = [mask_on(splats, camera, thing == 2) for camera in CAMERAS[:3]]

    def fit(given: list[Prompt]) -> float:
        found = select_by_prompts(splats, given).members
        shown = [render_members(splats.prepare(prompt.camera), found[None]) for prompt in prompts]
        return sum(float(iou(mask, prompt.mask)[0]) for mask, prompt in zip(shown, prompts, strict=True))

    assert fit(prompts) >= max(fit([prompt]) for prompt in prompts)


def test_nothing_wanted_or_nothing_left_is_told() -> None:
    splats, thing = scene()
    unwanted = click_on(splats, CAMERAS[0], thing == 1, wanted=False)
    with pytest.raises(PromptError, match="all prompts are unwanted; give at least one wanted prompt"):
        select_by_prompts(splats, [unwanted])
    wanted = mask_on(splats, CAMERAS[0], thing == 1)
    with pytest.raises(PromptError, match="the unwanted prompts take away the whole selection"):
        select_by_prompts(splats, [wanted, Prompt(CAMERAS[0], box=(0.0, 0.0, 36.0, 24.0), wanted=False)])


def test_a_prompt_is_one_thing() -> None:
    with pytest.raises(PromptError, match="exactly one of a click, a box and a mask; 2 were given"):
        Prompt(CAMERAS[0], click=(1.0, 1.0), box=(0.0, 0.0, 2.0, 2.0))


def test_prompts_go_on_from_what_is_selected_already() -> None:
    splats, thing = scene()
    more = select_by_prompts(splats, [click_on(splats, CAMERAS[0], thing == 2)], start=thing == 1)
    np.testing.assert_array_equal(more.members, thing != 3)
    knowledge = Knowledge(hierarchy=halves(thing))
    unwanted = [click_on(splats, CAMERAS[0], thing == 1, wanted=False)]
    less = select_by_prompts(splats, unwanted, knowledge, start=thing != 2)
    np.testing.assert_array_equal(less.members, thing == 3)
    part = select_by_prompts(splats, unwanted, knowledge, start=thing == 1)
    assert part.count == (thing == 1).sum() / 2, "of all that is selected only an atom"
    with pytest.raises(PromptError, match="all prompts are unwanted"):
        select_by_prompts(splats, unwanted, knowledge)


def test_quick_segments_are_the_nodes_of_the_hierarchy() -> None:
    splats, thing = scene()
    for granularity in (0.1, 0.5, 0.9):
        prompts = [click_on(splats, CAMERAS[0], thing == 1)]
        slow, quick = (
            select_by_prompts(splats, prompts, Knowledge(hierarchy=halves(thing), granularity=granularity, quick=quick))
            for quick in (False, True)
        )
        np.testing.assert_array_equal(slow.members, quick.members)


def test_segments_alone_are_enough_for_clicks_and_boxes() -> None:
    splats, thing = scene()
    bare = splats.replace(features=None)
    np.testing.assert_array_equal(
        select_by_prompts(bare, [click_on(splats, CAMERAS[0], thing == 1)]).members, thing == 1
    )
    pixels, _ = CAMERAS[0].project(splats.means.numpy()[thing == 2].astype(np.float64))
    box = (*(pixels.min(0) - 1).tolist(), *(pixels.max(0) + 1).tolist())
    np.testing.assert_array_equal(select_by_prompts(bare, [Prompt(CAMERAS[0], box=box)]).members, thing == 2)
    with pytest.raises(PromptError, match=r"no segment is seen at the click .*; click on a segment"):
        select_by_prompts(bare, [Prompt(CAMERAS[0], click=(0.0, 0.0))])
