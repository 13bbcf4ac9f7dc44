"""Rows that are written once. Submissions, calls and scores are evidence: nobody edits evidence."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, TypeVar

from django.db import models

RowT_co = TypeVar("RowT_co", bound=models.Model, covariant=True)


class ImmutableRowError(TypeError):
    """Somebody tried to change a row that is evidence. Add a new row instead."""

    def __init__(self, model: type[models.Model]) -> None:
        super().__init__(f"{model.__name__} rows are written once: add a new row instead of changing one")


class AppendOnlyQuerySet(models.QuerySet[RowT_co]):
    """Reads and inserts; refuses bulk updates, which would pass by ``save``."""

    def update(self, **kwargs: Any) -> int:
        raise ImmutableRowError(self.model)

    def bulk_update(self, objs: Iterable[Any], fields: Iterable[str], batch_size: int | None = None) -> int:
        raise ImmutableRowError(self.model)


class AppendOnlyModel(models.Model):
    """A model whose stored rows refuse ``save``; deletion goes only with the owner's rows (erasure)."""

    objects = AppendOnlyQuerySet.as_manager()

    class Meta:
        abstract = True

    def save(self, *args: Any, **kwargs: Any) -> None:
        if not self._state.adding:
            raise ImmutableRowError(type(self))
        super().save(*args, **kwargs)
