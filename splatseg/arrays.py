"""Shape checks of arguments: dimensions have names, and a name has one size in all arrays."""

from __future__ import annotations

from typing import Protocol


class HasShape(Protocol):
    """A numpy array or a torch tensor."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Sizes along all axes."""


def check_shapes(**arrays: tuple[HasShape, str]) -> dict[str, int]:
    """Check arrays against named dimensions and return the size of every name.

    `check_shapes(means=(means, "N 3"), features=(features, "N F"))` demands that both have the same N and returns
    {"N": ..., "F": ...}. A number must match exactly; a name must have the same size in all arrays.

    Raises ValueError with the name of the array, the shape it should have, and the shape it has.
    """
    sizes: dict[str, int] = {}
    for name, (array, spec) in arrays.items():
        dims = spec.split()
        shape = tuple(array.shape)
        if len(shape) != len(dims):
            raise ValueError(f"{name} must have shape ({', '.join(dims)}), got {shape}")
        for dim, size in zip(dims, shape, strict=True):
            expected = int(dim) if dim.isdigit() else sizes.setdefault(dim, size)
            if size != expected:
                raise ValueError(f"{name} must have shape ({', '.join(dims)}) with {dim} = {expected}, got {shape}")
    return sizes
