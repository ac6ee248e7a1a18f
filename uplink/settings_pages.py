"""The reference of a settings file, made of its types: sections, keys, defaults, what is allowed, what for.

What a key is for stands in the source below it, as a string of its own; pydantic knows the rest.
"""

from __future__ import annotations

import ast
import inspect
import json
import types
import typing
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import annotated_types
from pydantic import BaseModel
from pydantic.fields import FieldInfo

_KINDS = {int: "whole number", float: "number", bool: "true or false", str: "text", Path: "path"}


def sections(model: type[BaseModel], left_out: tuple[str, ...] = ()) -> Iterator[str]:
    """Yield the lines of the reference: first what stands at the top of the file, then each section."""
    nested = {name: found for name, field in model.model_fields.items() if (found := _model_of(field))}
    top = [name for name in model.model_fields if name not in nested and name not in left_out]
    yield from _table("At the top of the file", model, top)
    for name, (inner, many) in nested.items():
        heading = f"[[{name}]]" if many else f"[{name}]"
        optional = "" if model.model_fields[name].is_required() else " May be left out."
        yield from _table(f"`{heading}`", inner, list(inner.model_fields), optional)


def _table(heading: str, model: type[BaseModel], keys: list[str], more: str = "") -> Iterator[str]:
    docs = _docs(model)
    if not keys:
        return
    yield f"\n## {heading}\n"
    about = inspect.cleandoc(model.__doc__ or "")
    yield " ".join(about.split()) + more + "\n"
    yield "| key | what | default | |"
    yield "|---|---|---|---|"
    for key in keys:
        field = model.model_fields[key]
        yield f"| `{key}` | {_kind(field)} | {_default(field)} | {docs[key]} |"


def _docs(model: type[BaseModel]) -> dict[str, str]:
    """Return what each field is for.  Raises KeyError, later, for one without a word."""
    source = ast.parse(inspect.getsource(model)).body[0]
    assert isinstance(source, ast.ClassDef)
    found = {}
    for field, said in zip(source.body, source.body[1:], strict=False):
        if (
            isinstance(field, ast.AnnAssign)
            and isinstance(field.target, ast.Name)
            and isinstance(said, ast.Expr)
            and isinstance(said.value, ast.Constant)
        ):
            found[field.target.id] = " ".join(str(said.value.value).split())
    return found


def _model_of(field: FieldInfo) -> tuple[type[BaseModel], bool] | None:
    """Return the model of a section, and whether there may be many; None for a key."""
    for kind in _kinds(field.annotation):
        many = typing.get_origin(kind) is list
        inner = typing.get_args(kind)[0] if many else kind
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            return inner, many
    return None


def _kinds(annotation: Any) -> list[Any]:
    if isinstance(annotation, types.UnionType) or typing.get_origin(annotation) is typing.Union:
        return [kind for kind in typing.get_args(annotation) if kind is not type(None)]
    return [annotation]


def _kind(field: FieldInfo) -> str:
    said = " or ".join(_word(kind) for kind in _kinds(field.annotation))
    return ", ".join([said, *_limits(field.metadata)])


def _word(kind: Any) -> str:
    origin, inner = typing.get_origin(kind), typing.get_args(kind)
    if origin is typing.Annotated:
        return ", ".join([_word(inner[0]), *_limits(_spread(inner[1:]))])
    if origin is list:
        return f"list of {_word(inner[0])}"
    if origin is dict:
        return f"table of {_word(inner[1])}" if not _kinds(inner[1])[1:] else "table"
    return _KINDS[kind]


def _spread(metadata: Any) -> list[Any]:
    return [
        one for given in metadata for one in (given.metadata if isinstance(given, FieldInfo) else [given])
    ]


def _limits(metadata: Any) -> Iterator[str]:
    for one in metadata:
        match one:
            case annotated_types.Ge(ge=limit):
                yield f"at least {limit}"
            case annotated_types.Gt(gt=limit):
                yield f"more than {limit}"
            case annotated_types.Le(le=limit):
                yield f"at most {limit}"
            case annotated_types.MaxLen(max_length=limit):
                yield f"at most {limit} long"
            case annotated_types.MinLen():
                pass
            case _:
                pattern = getattr(one, "pattern", None)
                if pattern:
                    yield f"`{pattern}`".replace("|", "\\|")


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "**has to be given**"
    value = field.default
    if field.default_factory is not None or value is None:
        return ""
    if isinstance(value, Path):
        value = str(value)
    return f"`{json.dumps(value, ensure_ascii=False)}`"
