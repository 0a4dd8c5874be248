"""The options of a command, from its dataclass: what tyro makes of it, without what tyro says of it.

Requests are nested in a command; the names of their fields are options of the command itself.
"""

from __future__ import annotations

import dataclasses
import inspect
import types
import typing
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import tyro

TYPES = {"int": "INT", "float": "NUMBER", "str": "TEXT", "Path": "PATH"}
"""Words for the types of values that no metavar names."""


@dataclass(frozen=True)
class Option:
    """One argument of a command."""

    owner: type
    """The dataclass that declares it."""
    field: str
    """Name of the field."""
    names: tuple[str, ...]
    """Its spellings, short ones first; none for a positional argument."""
    value: str
    """The value that it takes, as in a usage line; empty for a switch."""
    choices: tuple[str, ...]
    """The values there are; empty if any is taken."""
    required: bool
    """It must be given."""
    empty: bool
    """Its default is nothing: None, off, or no values."""
    repeated: bool
    """It may be given several times."""


def options_of(command: type) -> Iterator[Option]:
    """Yield the arguments of a command, those of its requests among them, in their order."""
    hints = typing.get_type_hints(command, include_extras=True)
    for field in dataclasses.fields(command):
        hint, marks = hints[field.name], ()
        if typing.get_origin(hint) is typing.Annotated:
            hint, *rest = typing.get_args(hint)
            marks = tuple(rest)
        if typing.get_origin(hint) in (typing.Union, types.UnionType):
            hint = next(part for part in typing.get_args(hint) if part is not types.NoneType)
        if dataclasses.is_dataclass(hint):
            assert isinstance(hint, type)
            yield from options_of(hint)
        else:
            owner = next(kind for kind in command.__mro__ if field.name in inspect.get_annotations(kind))
            yield _option(owner, field, hint, marks)


def _option(owner: type, field: dataclasses.Field[Any], hint: Any, marks: tuple[Any, ...]) -> Option:
    choices = tuple(map(str, typing.get_args(hint))) if typing.get_origin(hint) is typing.Literal else ()
    inner = typing.get_args(hint)[0] if typing.get_origin(hint) is tuple else hint
    told = _last(marks, "metavar") or "|".join(choices) or TYPES.get(getattr(inner, "__name__", ""), "VALUE")
    default = field.default if field.default_factory is dataclasses.MISSING else field.default_factory()
    name = str(_last(marks, "name") or field.name).replace("_", "-")
    return Option(
        owner,
        field.name,
        () if tyro.conf.Positional in marks else (*(_last(marks, "aliases") or ()), f"--{name}"),
        "" if hint is bool else told,
        choices,
        default is dataclasses.MISSING,
        default is None or default is False or default == (),
        tyro.conf.UseAppendAction in marks,
    )


def _last(marks: tuple[Any, ...], attribute: str) -> Any:
    return next((value for mark in reversed(marks) if (value := getattr(mark, attribute, None))), None)
