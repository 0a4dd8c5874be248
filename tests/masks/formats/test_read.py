"""Mask files of every kind, whole and damaged."""

from __future__ import annotations

import io
import json
import tempfile
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from rle_writer import compressed, run_lengths

from splatseg.errors import MaskError
from splatseg.masks.formats.label_maps import read_label_map
from splatseg.masks.formats.read import read_segments

LABELS = np.repeat(np.array([[0, 1, 2], [3, 300, 60_000]], np.uint16), 4, axis=0).repeat(4, axis=1)
MASKS = np.stack([np.tri(9, 7, k) > 0 for k in (0, 2, -1)])


def packed_npz(path: Path, **replaced: np.ndarray) -> Path:
    content = {
        "packed": np.packbits(MASKS.reshape(3, -1), axis=1),
        "shape": np.array(MASKS.shape),
        "score": np.arange(3),
    }
    np.savez_compressed(path, **(content | replaced))
    return path


def sam_rows(plain: bool = False) -> list[dict]:
    rows = []
    for i, mask in enumerate(MASKS):
        counts = run_lengths(mask)
        rle = {"size": list(mask.shape), "counts": counts if plain else compressed(counts)}
        rows.append({"segmentation": rle, "area": int(mask.sum()), "predicted_iou": float(i)})
    return rows


def write_json(path: Path, content: object) -> Path:
    path.write_text(json.dumps(content))
    return path


def check_masks(path: Path, scores: list[float] | None = None) -> None:
    segments = read_segments(path)
    assert segments.count == 3 and segments.scores.tolist() == (scores or [0, 1, 2])
    for i in range(3):
        np.testing.assert_array_equal(segments.mask(i + 1), MASKS[i])


def test_label_maps_of_8_and_16_bits_and_palettes_are_read(tmp_path: Path) -> None:
    deep, shallow = tmp_path / "deep.png", tmp_path / "shallow.png"
    Image.fromarray(LABELS).save(deep)
    assert read_segments(deep).areas().tolist() == [16] * 5
    np.testing.assert_array_equal(read_label_map(deep), LABELS)
    small = (LABELS % 251).astype(np.uint8)
    Image.fromarray(small).save(shallow)
    np.testing.assert_array_equal(read_label_map(shallow), small)
    palette = Image.fromarray(small).convert("P")
    palette.putpalette([7, 7, 7] * 256)  # all ids in one colour: only the indices tell them apart
    palette.putdata(small.ravel().tolist())
    palette.save(tmp_path / "palette.png")
    np.testing.assert_array_equal(read_label_map(tmp_path / "palette.png"), small)
    Image.fromarray(small > 0).save(tmp_path / "binary.png")
    assert read_segments(tmp_path / "binary.png").count == 1


@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
def test_colours_are_segments_and_black_is_none(tmp_path: Path, mode: str) -> None:
    colors = np.zeros((4, 6, 3), np.uint8)
    colors[:, 2:4], colors[:, 4:] = (255, 0, 0), (255, 0, 1)
    Image.fromarray(colors).convert(mode).save(tmp_path / "a.png")
    segments = read_segments(tmp_path / "a.png")
    assert segments.areas().tolist() == [8, 8] and not segments.flattened()[:, :2].any()
    Image.fromarray(colors[:, 2:]).convert(mode).save(tmp_path / "full.png")
    assert read_segments(tmp_path / "full.png").areas().tolist() == [8, 8]


def test_transparent_pixels_are_none(tmp_path: Path) -> None:
    rgba = np.full((4, 4, 4), 200, np.uint8)
    rgba[:2, :, 3] = 0
    Image.fromarray(rgba).save(tmp_path / "a.png")
    assert read_segments(tmp_path / "a.png").areas().tolist() == [8]
    Image.fromarray(rgba[..., 2:].copy()).save(tmp_path / "la.png")
    assert read_segments(tmp_path / "la.png").areas().tolist() == [8]


def test_a_picture_is_not_taken_for_masks(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (100, 100, 3), dtype=np.uint8)
    Image.fromarray(noise).save(tmp_path / "photo.png")
    with pytest.raises(MaskError, match=r"photo\.png has \d+ different colours, so it is a picture"):
        read_segments(tmp_path / "photo.png")


def test_packed_masks_are_read(tmp_path: Path) -> None:
    check_masks(packed_npz(tmp_path / "a.npz"))


def test_plain_stacks_are_read(tmp_path: Path) -> None:
    for name, array in {
        "bool": MASKS,
        "byte": MASKS * np.uint8(255),
        "int": MASKS.astype(int),
        "sam": MASKS[:, None],
    }.items():
        np.save(tmp_path / f"{name}.npy", array)
        check_masks(tmp_path / f"{name}.npy", [1, 1, 1])
    np.savez(tmp_path / "a.npz", masks=MASKS, scores=np.arange(3), other=np.zeros(2))
    check_masks(tmp_path / "a.npz")
    np.savez(tmp_path / "b.npz", MASKS.astype(np.float32))
    check_masks(tmp_path / "b.npz", [1, 1, 1])


def test_label_maps_in_arrays_are_read_alone_and_stacked(tmp_path: Path) -> None:
    np.save(tmp_path / "one.npy", LABELS.astype(np.int32))
    assert read_segments(tmp_path / "one.npy").count == 5
    np.save(tmp_path / "levels.npy", np.stack([LABELS, LABELS[::-1]]).astype(np.int32) - 1)  # -1 = none
    levels = read_segments(tmp_path / "levels.npy")
    # As LangSplat writes them: where -1 is none, 0 is a segment.
    assert levels.count == 10 and len(levels.layers) == 2 and levels.areas().tolist() == [16] * 10


@pytest.mark.parametrize("plain", [True, False])
def test_sams_run_lengths_are_read(tmp_path: Path, plain: bool) -> None:
    check_masks(write_json(tmp_path / "a.json", sam_rows(plain)))
    check_masks(write_json(tmp_path / "b.json", {"image": {}, "annotations": sam_rows(plain)}))


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ([], "lists no masks"),
        ({"frames": []}, "lists no masks"),
        ([{"segmentation": [[0, 0, 1, 1]]}], "without run lengths"),
        ([{"segmentation": {"size": [10**6, 10**6], "counts": [10**12]}}], "is impossible"),
        ([{"segmentation": {"size": [2, 2], "counts": [5]}}], "do not fill"),
        (
            [{"segmentation": {"size": [2, 2], "counts": [4]}}, {"segmentation": {"size": [1, 4], "counts": [4]}}],
            "different sizes",
        ),
    ],
)
def test_json_that_is_not_sams_is_named(tmp_path: Path, content: object, reason: str) -> None:
    with pytest.raises(MaskError, match=rf"a\.json cannot be read \(.*{reason}"):
        read_segments(write_json(tmp_path / "a.json", content))


@pytest.mark.parametrize(
    "replaced",
    [
        {"shape": np.array([3, 9, 70])},
        {"shape": np.array([3, 9])},
        {"shape": np.array([10**9, 10**9, 10**9])},
        {"shape": np.array([0, 10**6, 10**6]), "packed": np.zeros((0, 125 * 10**9), np.uint8)},
        {"packed": np.zeros((3, 8), np.int64)},
        {"packed": np.array([{}], dtype=object)},
        {"score": np.arange(2)},
    ],
)
def test_packed_masks_that_contradict_themselves_are_named(tmp_path: Path, replaced: dict) -> None:
    with pytest.raises(MaskError, match=r"a\.npz cannot be read"):
        read_segments(packed_npz(tmp_path / "a.npz", **replaced))


def test_an_array_that_declares_more_than_it_holds_is_not_allocated(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    np.lib.format.write_array_header_1_0(buffer, {"descr": "|u1", "fortran_order": False, "shape": (10**15,)})
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        archive.writestr("packed.npy", buffer.getvalue())
    with pytest.raises(
        MaskError, match=r"a\.npz cannot be read \(packed\.npy declares 1000000000000000 bytes and holds"
    ):
        read_segments(tmp_path / "a.npz")
    (tmp_path / "a.npy").write_bytes(buffer.getvalue())
    with pytest.raises(MaskError, match=r"a\.npy cannot be read"):
        read_segments(tmp_path / "a.npy")


@pytest.mark.parametrize(
    "array",
    [
        np.zeros((2, 2)) + 0.5,
        np.full((2, 2), np.nan),
        np.full((2, 2), 1.5),
        np.zeros(3, int),
        np.zeros((2, 0), int),
        np.zeros((2, 3, 4, 5), int),
    ],
)
def test_arrays_that_are_no_masks_are_named(tmp_path: Path, array: np.ndarray) -> None:
    np.save(tmp_path / "a.npy", array)
    with pytest.raises(MaskError, match=r"a\.npy cannot be read"):
        read_segments(tmp_path / "a.npy")


def test_several_arrays_without_a_known_name_are_an_error(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", x=MASKS, y=MASKS)
    with pytest.raises(MaskError, match="of the arrays x, y none is named"):
        read_segments(tmp_path / "a.npz")


@pytest.mark.parametrize("kind", [bool, np.float16, np.float32, np.float64, np.uint8, np.int64])
def test_masks_of_every_type_of_number_are_masks(tmp_path: Path, kind: type) -> None:
    np.save(tmp_path / "a.npy", MASKS.astype(kind))
    check_masks(tmp_path / "a.npy", [1, 1, 1])
    np.save(tmp_path / "a.npy", MASKS.astype(kind)[None])
    check_masks(tmp_path / "a.npy", [1, 1, 1])


@pytest.mark.parametrize("kind", [np.float16, np.float64])
def test_a_label_map_of_floats_keeps_its_ids_and_may_have_a_third_axis(tmp_path: Path, kind: type) -> None:
    small = LABELS.astype(kind)
    np.save(tmp_path / "a.npy", small)
    np.save(tmp_path / "b.npy", small[..., None])
    for name in ("a.npy", "b.npy"):
        assert read_segments(tmp_path / name).areas().tolist() == [16] * 5


def test_probabilities_of_a_mask_are_cut_at_a_half(tmp_path: Path) -> None:
    soft = np.where(MASKS, 0.99, 0.01)
    soft[0, 4, 0] = 0.4
    np.save(tmp_path / "a.npy", soft.astype(np.float16))
    assert read_segments(tmp_path / "a.npy").areas().tolist() == [MASKS[0].sum() - 1, *MASKS[1:].sum((1, 2))]


def test_arrays_of_equal_shapes_under_any_names_are_a_mask_each(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", mug=MASKS[0], cup=MASKS[1], table=MASKS[2])
    check_masks(tmp_path / "a.npz", [1, 1, 1])


def disc(size: int = 40) -> np.ndarray:
    """Opacity (size,size) uint8 of a disc with a soft edge."""
    rows, columns = np.ogrid[:size, :size]
    away = np.hypot(rows - size / 2 + 0.5, columns - size / 2 + 0.5)
    return ((size / 3 + 1.5 - away) / 3 * 255).clip(0, 255).astype(np.uint8)


@pytest.mark.parametrize("picture", ["photograph", "black", "white", "grey"])
def test_a_cut_out_is_the_one_segment_that_is_opaque(tmp_path: Path, picture: str) -> None:
    alpha = disc()
    rng = np.random.default_rng(0)
    photograph = rng.integers(0, 256, (40, 40, 3), np.uint8)
    content = {"photograph": photograph, "black": np.zeros_like(photograph), "white": np.full_like(photograph, 255)}
    if picture == "grey":
        Image.fromarray(np.dstack([np.zeros((40, 40), np.uint8), alpha]), "LA").save(tmp_path / "a.png")
    else:
        Image.fromarray(np.dstack([content[picture], alpha])).save(tmp_path / "a.png")
    segments = read_segments(tmp_path / "a.png")
    assert segments.count == 1
    np.testing.assert_array_equal(segments.mask(1), alpha >= 128)


def test_colours_that_shine_through_everywhere_are_a_label_map(tmp_path: Path) -> None:
    rgba = np.zeros((8, 8, 4), np.uint8)
    rgba[:4, :, 0], rgba[4:, :, 1] = 255, 255
    rgba[:, 1:, 3] = 90
    Image.fromarray(rgba).save(tmp_path / "a.png")
    assert read_segments(tmp_path / "a.png").areas().tolist() == [28, 28]


def test_a_palette_whose_black_is_not_its_first_colour_is_read_by_its_colours(tmp_path: Path) -> None:
    indices = np.repeat(np.array([[0, 1], [2, 1]], np.uint8), 4, axis=0).repeat(4, axis=1)
    image = Image.fromarray(indices, "P")
    image.putpalette([255, 0, 0, 0, 0, 0, 0, 0, 255])
    image.save(tmp_path / "a.png")
    segments = read_segments(tmp_path / "a.png")
    assert segments.count == 2 and segments.flattened()[:4, :4].all() and not segments.flattened()[:, 4:].any()
    image.putpalette([0, 0, 0, 0, 0, 0, 0, 0, 255])  # two ids that are both drawn black are still two
    image.save(tmp_path / "b.png")
    assert read_segments(tmp_path / "b.png").count == 2


def whole_files() -> dict[str, bytes]:
    with tempfile.TemporaryDirectory() as folder:
        base = Path(folder)
        Image.fromarray(LABELS).save(base / "a.png")
        packed_npz(base / "a.npz")
        np.save(base / "a.npy", MASKS)
        write_json(base / "a.json", sam_rows())
        return {path.suffix: path.read_bytes() for path in base.iterdir()}


WHOLE = whole_files()


@given(st.sampled_from(sorted(WHOLE)), st.data())
@settings(max_examples=200, deadline=None)
def test_damage_gives_a_mask_error_that_names_the_file_or_segments(suffix: str, data: st.DataObject) -> None:
    content = bytearray(WHOLE[suffix])
    for _ in range(data.draw(st.integers(0, 3))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"view{suffix}"
        path.write_bytes(content[: data.draw(st.integers(0, len(content)))])
        try:
            read_segments(path)
        except MaskError as error:
            assert str(path) in str(error)


@pytest.mark.parametrize("suffix", sorted(WHOLE))
def test_a_truncated_file_is_named_and_never_half_read(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"view{suffix}"
    path.write_bytes(WHOLE[suffix])
    whole = read_segments(path).flattened()
    size = len(WHOLE[suffix])
    for kept in (0, 1, size // 2, size - 20, size - 12):
        path.write_bytes(WHOLE[suffix][:kept])
        if suffix == ".png" and kept > size // 2:  # only the marks after the last pixel are gone
            np.testing.assert_array_equal(read_segments(path).flattened(), whole)
            continue
        with pytest.raises(MaskError, match=rf"view\{suffix} cannot be read"):
            read_segments(path)


@pytest.mark.parametrize("legacy", [False, True])
def test_saga_tensors_are_read(tmp_path: Path, legacy: bool) -> None:
    import torch

    masks = torch.from_numpy(MASKS)
    for content in (masks, {"masks": masks}, masks.float(), masks.to(torch.uint8) * 255):
        torch.save(content, tmp_path / "a.pt", _use_new_zipfile_serialization=not legacy)
        check_masks(tmp_path / "a.pt", [1, 1, 1])


class Bomb:
    def __reduce__(self) -> tuple:
        return exec, ("raise SystemExit('it was run')",)


def test_a_pt_file_with_code_in_it_is_refused_and_not_run(tmp_path: Path) -> None:
    import pickle

    import torch

    torch.save({"masks": Bomb()}, tmp_path / "a.pt")
    (tmp_path / "b.pt").write_bytes(pickle.dumps(Bomb()))
    for name in ("a.pt", "b.pt"):
        with pytest.raises(MaskError, match=r"holds more than tensors .*not opened; save the tensor of masks alone"):
            read_segments(tmp_path / name)


def test_a_pt_file_of_something_else_or_of_damage_is_explained(tmp_path: Path) -> None:
    import torch

    torch.save([1, 2], tmp_path / "list.pt")
    with pytest.raises(MaskError, match="a list and no tensor of masks"):
        read_segments(tmp_path / "list.pt")
    torch.save(torch.zeros(1).expand(2000, 2000, 2000), tmp_path / "bomb.pt")
    with pytest.raises(MaskError, match="8000000000 numbers"):
        read_segments(tmp_path / "bomb.pt")
    torch.save(torch.from_numpy(MASKS), tmp_path / "good.pt")
    whole = (tmp_path / "good.pt").read_bytes()
    for cut in (0, 1, len(whole) // 2, len(whole) - 10):
        (tmp_path / "cut.pt").write_bytes(whole[:cut])
        with pytest.raises(MaskError, match=r"cut\.pt"):
            read_segments(tmp_path / "cut.pt")


def test_a_list_of_more_masks_than_a_view_can_have_is_refused_at_once(tmp_path: Path) -> None:
    row = {"segmentation": {"size": [2, 2], "counts": [0, 4]}}
    (tmp_path / "a.json").write_text(json.dumps([row] * 20_001))
    with pytest.raises(MaskError, match=r"it lists 20,001 masks of one view; the most is 20,000"):
        read_segments(tmp_path / "a.json")
