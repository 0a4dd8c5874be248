"""Writes dataclasses of settings as YAML and reads them back, so that a run can be repeated from its folder.

Two libraries for typed decoding were tried. msgspec ignores unknown names in dataclasses; cattrs answers a list in
place of a mapping with "'list' object has no attribute 'keys'". Either would save some 20 lines, take 25 to 60 ms to
import, and need extra checks for the error messages below.
"""

from __future__ import annotations

import dataclasses
import types
import typing
from pathlib import Path
from typing import Any, TypeVar

import yaml

from splatseg.errors import RunError
from splatseg.files import write_text

T = TypeVar("T")


def write_settings(path: Path, settings: Any) -> None:
    """Write a dataclass, with the dataclasses nested in it, as YAML, atomically."""
    write_text(path, yaml.safe_dump(to_plain(settings), sort_keys=False, allow_unicode=True))


def read_settings(path: Path, kind: type[T]) -> T:
    """Read a dataclass of type `kind` that `write_settings` wrote. Missing fields take their defaults.

    Raises RunError if the file is missing, is not YAML, or has fields that `kind` does not know.
    """
    try:
        values = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise RunError(f"{path.parent} is not a run: it has no {path.name}; make one with `splatseg train`") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise RunError(f"{path} cannot be read as YAML ({str(error).splitlines()[0]}); restore or remake it") from None
    try:
        settings: T = from_plain(kind, values)
    except (TypeError, ValueError) as error:
        raise RunError(f"{path} does not hold the settings of a run: {error}; restore or remake it") from None
    return settings


def to_plain(value: Any) -> Any:
    """Convert to values that YAML and JSON hold: dataclasses to dicts, tuples and sets to lists, paths to strings."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: to_plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, dict):
        return {str(key): to_plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [to_plain(item) for item in value]
    return str(value) if isinstance(value, Path) else value


def from_plain(kind: Any, value: Any) -> Any:
    """Convert back from `to_plain`, for a type `kind` made of dataclasses, optionals, tuples and plain values.

    Raises ValueError or TypeError naming the value that does not fit.
    """
    if dataclasses.is_dataclass(kind) and isinstance(kind, type):
        return _dataclass_from_plain(kind, value)
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin in (typing.Union, types.UnionType):
        # Every union in the settings is an optional, so the one type that is not None is the type of the value.
        inner = [argument for argument in arguments if argument is not type(None)]
        return None if value is None else from_plain(inner[0], value)
    if origin is tuple and value is not None:
        kinds = [arguments[0]] * len(value) if arguments[-1] is Ellipsis else list(arguments)
        return tuple(from_plain(item_kind, item) for item_kind, item in zip(kinds, value, strict=True))
    if kind is Path and value is not None:
        return Path(value)
    # YAML reads 1 as an integer, and 1e-3 as text because it has no decimal point.
    return float(value) if kind is float and value is not None else value


def _dataclass_from_plain(kind: Any, value: Any) -> Any:
    if not isinstance(value, dict):
        raise ValueError(f"{kind.__name__} should be a mapping, found {type(value).__name__}")
    hints = typing.get_type_hints(kind)
    if hasattr(kind, "upgraded"):
        value = kind.upgraded(value)
    unknown = set(value) - {field.name for field in dataclasses.fields(kind)}
    if unknown:
        raise ValueError(f"{kind.__name__} has no setting named {', '.join(sorted(unknown))}")
    return kind(**{name: from_plain(hints[name], item) for name, item in value.items()})
