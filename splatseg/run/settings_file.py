"""Writes dataclasses of settings as YAML and reads them back, so that a run can be repeated from its folder.

Two libraries for typed decoding were tried. msgspec ignores unknown names in dataclasses; cattrs answers a list in
place of a mapping with "'list' object has no attribute 'keys'". Either would save some 20 lines, take 25 to 60 ms to
import, and need extra checks for the error messages below.
"""

from __future__ import annotations

import dataclasses
import re
import types
import typing
from pathlib import Path
from typing import Any, TypeVar

import yaml

from splatseg.errors import RunError, SplatsegError
from splatseg.files import write_text
from splatseg.run.settings import LARGEST
from splatseg.untrusted.documents import DocumentError, Field
from splatseg.untrusted.yaml_documents import read_yaml

T = TypeVar("T")

_EXPONENT = re.compile(r"[-+]?[0-9]*\.?[0-9]+[eE][-+]?[0-9]{1,3}")


def write_settings(path: Path, settings: Any) -> None:
    """Write a dataclass, with the dataclasses nested in it, as YAML, atomically."""
    write_text(path, yaml.safe_dump(to_plain(settings), sort_keys=False, allow_unicode=True))


def read_settings(path: Path, kind: type[T]) -> T:
    """Read a dataclass of type `kind` that `write_settings` wrote. Missing fields take their defaults.

    Raises RunError, which names the line or the setting, if the file is missing, is not YAML, has settings that `kind`
    does not know, or values of another type or range than theirs.
    """
    try:
        document = read_yaml(path)
    except FileNotFoundError:
        raise RunError(f"{path.parent} is not a run: it has no {path.name}; make one with `splatseg train`") from None
    except DocumentError as error:
        raise RunError(f"{path} cannot be read as YAML ({error}); correct or restore it") from None
    try:
        settings: T = from_plain(kind, document)
    except (DocumentError, SplatsegError) as error:
        raise RunError(f"{path} does not hold the settings of a run: {error}; correct or restore it") from None
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


def from_plain(kind: Any, field: Field) -> Any:
    """Convert back from `to_plain`, for a type `kind` made of dataclasses, optionals, tuples, literals, plain values.

    Numbers are finite and not negative: no setting of a run is.

    Raises DocumentError naming the setting that does not fit.
    """
    if dataclasses.is_dataclass(kind) and isinstance(kind, type):
        return _dataclass_from_plain(kind, field)
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin in (typing.Union, types.UnionType):
        # Every union in the settings is an optional, so the one type that is not None is the type of the value.
        inner = [argument for argument in arguments if argument is not type(None)]
        return None if field.value is None else from_plain(inner[0], field)
    if origin is tuple:
        items = field.items()
        kinds = [arguments[0]] * len(items) if arguments[-1] is Ellipsis else list(arguments)
        if len(kinds) != len(items):
            raise field.wrong(f"a list of {len(kinds)}")
        return tuple(map(from_plain, kinds, items))
    return field.choice(arguments) if origin is typing.Literal else _value_from_plain(kind, field)


def _value_from_plain(kind: Any, field: Field) -> Any:
    if kind is bool:
        return field.flag()
    if kind is int:
        return field.whole(0, LARGEST)
    if kind is float:
        # YAML reads 1e-3 as text because it has no decimal point.
        text = field.value if isinstance(field.value, str) else ""
        return Field(float(text) if _EXPONENT.fullmatch(text) else field.value, field.place).number(0)
    # A path that holds a zero character is refused by the system in words that name no setting.
    return kind(field.text(r"[^\0]*", "text without zero characters"))


def _dataclass_from_plain(kind: Any, field: Field) -> Any:
    hints = typing.get_type_hints(kind)
    entries = field.entries()
    if hasattr(kind, "upgraded"):
        field = Field(kind.upgraded({name: entry.value for name, entry in entries.items()}), field.place)
        entries = field.entries()
    where = f"{field.place} has" if field.place else "there is"
    unknown = sorted(set(entries) - {each.name for each in dataclasses.fields(kind)})
    if unknown:
        raise DocumentError(f"{where} no setting named {', '.join(unknown[:3])}")
    needed = [each.name for each in dataclasses.fields(kind) if _is_needed(each) and each.name not in entries]
    if needed:
        raise DocumentError(f"{where} no setting {needed[0]}, which a run needs")
    values = {name: from_plain(hints[name], entry) for name, entry in entries.items()}
    try:
        return kind(**values)
    except ValueError as error:
        raise DocumentError(f"{field.place}: {error}" if field.place else str(error)) from None


def _is_needed(field: dataclasses.Field[Any]) -> bool:
    return field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
