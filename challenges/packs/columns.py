"""What a pack's fields may hold is what their columns hold: asked of the models, so that it is said once."""

from __future__ import annotations

from typing import Any

from django.db import models


def longest(model: type[models.Model], name: str) -> int | None:
    """The most characters of a text column; None where it has no limit."""
    return _column(model, name).max_length


def default(model: type[models.Model], name: str) -> Any:
    return _column(model, name).default


def highest(model: type[models.Model], name: str) -> int:
    """The highest whole number of the column on PostgreSQL, whose columns are the narrower ones."""
    column = _column(model, name)
    if isinstance(column, models.PositiveBigIntegerField):
        return 2**63 - 1
    is_small = isinstance(column, models.PositiveSmallIntegerField)
    return 2**15 - 1 if is_small else 2**31 - 1


def _column(model: type[models.Model], name: str) -> models.Field[Any, Any]:
    field = model._meta.get_field(name)
    if not isinstance(field, models.Field):
        raise TypeError(f"{model.__name__}.{name} is no column")
    return field
