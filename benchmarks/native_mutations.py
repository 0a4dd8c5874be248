"""Ways to make the arguments of a native call wrong: of arrays, numbers, sequences, objects, and of the call itself."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from native_calls import Arguments
from numpy.random import Generator

OPTIONAL = {("means2d_offset",), ("geometry", 4), ("growth",), ("gradient",), ("use",), ("leaves",), ("products",)}
"""Places in which None is right."""

TYPES = ("float16", "float32", "float64", "int8", "int32", "int64", "uint8", "uint32", "bool", "complex64", "object")

TORCH_TYPES = ("float16", "float32", "float64", "int32", "int64", "uint8")

WHOLE = (-(2**63), -(2**31), -1, 0, 1, 2, 33, 255, 256, 2**31 - 1, 2**31, 2**32, 2**62, 2**63 - 1, 2**63, 2**64)

REAL = (float("nan"), float("inf"), float("-inf"), -1.0, 0.0, 1e-45, 1e38, -3e38, 1e300)

STRANGE = (None, "text", b"bytes", 1.5, 3 + 4j, {}, [], (), object, np.float32(2), np.int64(3), True)

OFTEN = np.array([1, 1, 1, 1, 4, 2, 1, 1, 1, 1, 1, 1, 1, 1, 3, 8, 4], dtype=float)
"""Relative frequency of the ways to change an array: often those that pass the first checks."""

LONGEST = 10_000

Path = tuple[str | int, ...]


class Changed:
    """A value made wrong: how, and whether the call must be refused for it."""

    def __init__(self, value: Any, how: str, refused: bool = False) -> None:
        self.value, self.how, self.refused = value, how, refused


def _misaligned(array: np.ndarray) -> np.ndarray:
    memory = np.empty(array.nbytes + 1, np.uint8)
    shifted = memory[1:].view(array.dtype).reshape(array.shape) if array.itemsize > 1 else array
    shifted[...] = array
    return shifted


def _resized(rng: Generator, array: np.ndarray) -> np.ndarray:
    axis = int(rng.integers(array.ndim))
    size = int(rng.choice([0, max(array.shape[axis] - 1, 0), array.shape[axis] + 1, 2 * array.shape[axis] + 3]))
    return np.resize(array, (*array.shape[:axis], size, *array.shape[axis + 1 :]))


def _endless(rng: Generator, array: np.ndarray) -> np.ndarray:
    """An array of no element that says it has a great many along one axis."""
    shape = list(array.shape)
    shape[int(rng.integers(array.ndim))] = int(rng.choice([2**20, 2**31, 2**40, 2**50]))
    shape[int(rng.integers(array.ndim))] = 0
    return np.empty(shape, array.dtype)


def _poisoned(rng: Generator, array: np.ndarray) -> np.ndarray:
    """The same memory with values, one or all, that should not be there."""
    values = REAL if array.dtype.kind == "f" else WHOLE
    number = values[int(rng.integers(len(values)))]
    with np.errstate(over="ignore"):
        value = np.array(number).astype(array.dtype) if array.dtype.kind == "f" else _wrapped(int(number), array.dtype)
    if array.size and rng.random() < 0.7:
        array.reshape(-1)[int(rng.integers(array.size))] = value
    else:
        array[...] = value
    return array


def _wrapped(number: int, dtype: np.dtype) -> Any:
    bits = 8 * dtype.itemsize
    number %= 2**bits
    return number - 2**bits if dtype.kind == "i" and number >= 2 ** (bits - 1) else number


def _disordered(rng: Generator, array: np.ndarray) -> np.ndarray:
    array[...] = rng.permutation(array) if rng.random() < 0.5 else np.flip(np.sort(array, axis=0), axis=0)
    return array


def _aliased(rng: Generator, array: np.ndarray, call: Arguments) -> np.ndarray | None:
    """The memory of another array of the call, as if it were this one."""
    others = [value for _, value in leaves(call) if isinstance(value, np.ndarray) and value is not array]
    others = [other for other in others if other.nbytes >= array.nbytes and other.flags.c_contiguous]
    others = [other for other in others if other.dtype.kind in "fiu" and other.ndim > 0]
    if not others or array.nbytes == 0:
        return None
    memory = others[int(rng.integers(len(others)))].reshape(-1).view(np.uint8)
    return memory[: array.nbytes].view(array.dtype).reshape(array.shape)


def change_array(rng: Generator, array: np.ndarray, path: Path, call: Arguments) -> Changed:
    """One of the ways to make an array wrong. Wrong values stay in its memory, the rest is made anew."""
    plain = array.dtype.kind in "fiu" and array.dtype.isnative and array.flags.writeable and array.ndim > 0
    if not plain or max(array.shape) > LONGEST:  # made so by an earlier change
        return Changed(array, "as it is")
    kinds: list[Callable[[], Changed]] = [
        lambda: Changed(None, "None", path not in OPTIONAL),
        lambda: _another_type(rng, array),
        lambda: Changed(array[None].copy(), "one more axis", True),
        lambda: Changed(array.reshape(-1).copy() if array.ndim > 1 else array[:, None].copy(), "other axes", True),
        lambda: Changed(_resized(rng, array), "another size"),
        lambda: Changed(_endless(rng, array), "an endless axis"),
        lambda: Changed(np.ascontiguousarray(array.T), "transposed"),
        lambda: _not_contiguous(np.repeat(array, 2, axis=-1)[..., ::2]),
        lambda: _not_contiguous(np.asfortranarray(array)),
        lambda: _not_contiguous(array[::-1]),
        lambda: Changed(_read_only(array), "read-only"),
        lambda: Changed(_misaligned(array), "misaligned", array.itemsize > 1),
        lambda: Changed(array.astype(array.dtype.newbyteorder()), "bytes swapped", array.itemsize > 1),
        lambda: Changed(array.tolist(), "a list", True),
        lambda: Changed(_disordered(rng, array), "out of order"),
        lambda: Changed(_poisoned(rng, array), "wrong values"),
        lambda: Changed(_or_same(_aliased(rng, array, call), array), "memory of another argument"),
    ]
    return kinds[int(rng.choice(len(kinds), p=OFTEN / OFTEN.sum()))]()


def _or_same(found: np.ndarray | None, array: np.ndarray) -> np.ndarray:
    return array if found is None else found


def _another_type(rng: Generator, array: np.ndarray) -> Changed:
    name = str(rng.choice([name for name in TYPES if np.dtype(name) != array.dtype]))
    with np.errstate(all="ignore"):
        return Changed(array.astype(name), name, True)


def _not_contiguous(array: np.ndarray) -> Changed:
    return Changed(array, "not contiguous", not array.flags.c_contiguous)


def _read_only(array: np.ndarray) -> np.ndarray:
    view = array.view()
    view.flags.writeable = False
    return view


def change_number(rng: Generator, name: str, number: float) -> Changed:
    """One of the ways to make a number wrong. Of threads, not so many as take long to start."""
    if rng.random() < 0.25:
        return _strange(rng)
    values: tuple[float, ...] = REAL if isinstance(number, float) else WHOLE
    if name == "threads":
        values = (-1, 0, 1, 3, 16, 1025, 2**31 - 1, 2**31, -(2**31))
    value = values[int(rng.integers(len(values)))]
    return Changed(value, repr(value))


def _strange(rng: Generator) -> Changed:
    value = STRANGE[int(rng.integers(len(STRANGE)))]
    return Changed(value, repr(value))


def change_sequence(rng: Generator, values: list | tuple) -> Changed:
    """One of the ways to make a tuple or list wrong as a whole."""
    kind = type(values)
    changed = [
        Changed(kind(values[:-1]), "one less"),
        Changed(kind([*values, *values[-1:]]), "one more"),
        Changed(kind(reversed(values)), "reversed"),
        Changed(kind([None] * len(values)), "all None"),
        _strange(rng),
    ]
    return changed[int(rng.integers(len(changed)))]


def change_object(rng: Generator, value: Any, others: list[Any]) -> Changed:
    """Another object of the extension in its place, one that was never made, or something else."""
    if rng.random() < 0.2:
        return _strange(rng)
    if rng.random() < 0.2 and hasattr(type(value), "count"):
        return Changed(type(value).__new__(type(value)), "never made", True)
    other = others[int(rng.integers(len(others)))]
    return Changed(other, f"another {type(other).__name__}", type(other) is not type(value))


def leaves(call: Any, path: Path = ()) -> list[tuple[Path, Any]]:
    """All arguments with their places, those inside sequences too."""
    if isinstance(call, dict) and not path:
        return [leaf for name, value in call.items() for leaf in leaves(value, (*path, name))]
    own = [(path, call)]
    if isinstance(call, list | tuple):
        own += [leaf for index, value in enumerate(call) for leaf in leaves(value, (*path, index))]
    return own


def replaced(call: Any, path: Path, value: Any) -> Any:
    """The arguments with another value in one place."""
    if not path:
        return value
    if isinstance(call, dict):
        return call | {path[0]: replaced(call[path[0]], path[1:], value)}
    inner = [replaced(one, path[1:], value) if index == path[0] else one for index, one in enumerate(call)]
    return type(call)(inner)


def mutate(rng: Generator, call: Arguments, others: list[Any]) -> tuple[Arguments, str, bool]:
    """Make one argument wrong: (arguments, in words what was done, whether the call must be refused)."""
    if not call or rng.random() < 0.01:
        return call | {"more": 1}, "an argument more", True
    if rng.random() < 0.01:
        missing = str(rng.choice(list(call)))
        return {name: value for name, value in call.items() if name != missing}, f"without {missing}", True
    places = leaves(call)
    path, value = places[int(rng.integers(len(places)))]
    if isinstance(value, np.ndarray):
        changed = change_array(rng, value, path, call)
    elif isinstance(value, bool | str | None):
        changed = _strange(rng)
    elif isinstance(value, int | float):
        changed = change_number(rng, str(path[0]), value)
    elif isinstance(value, list | tuple):
        changed = change_sequence(rng, value)
    else:
        changed = change_object(rng, value, others)
    place = ".".join(str(part) for part in path)
    return replaced(call, path, changed.value), f"{place}: {changed.how}", changed.refused


def tensors_for(rng: Generator, call: Arguments) -> Arguments:
    """The arguments with tensors of the same memory for some of the arrays."""
    for path, value in leaves(call):
        usual = isinstance(value, np.ndarray) and value.dtype.isnative and value.dtype.name in TORCH_TYPES
        usual = usual and value.flags.writeable and value.flags.aligned and min(value.strides, default=0) >= 0
        if usual and rng.random() < 0.3:
            call = replaced(call, path, torch.from_numpy(value))
    return call
