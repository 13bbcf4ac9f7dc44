"""A proposal that comes as a JSON file: read here, and told what no reader could make of it.

The submit page calls it. What the file says is judged later, by the same use cases as what was typed.
"""

from __future__ import annotations

from typing import Any

from django.core.files.uploadedfile import UploadedFile

from desafio.pages.json_text import parsed
from scoring.values import Problem

LARGEST_BYTES = 2_000_000


def content_of(file: UploadedFile[Any]) -> tuple[dict[str, Any] | None, Problem | None]:
    """A JSON file's content, or what is wrong with it."""
    if (file.size or 0) > LARGEST_BYTES:
        params = {"length": file.size or 0, "limit": LARGEST_BYTES}
        return None, Problem(field="file", code="too_long", params=params)
    try:
        text = file.read().decode("utf-8-sig")
    except UnicodeDecodeError:
        return None, Problem(field="file", code="not_text")
    return parsed(text, field="file")
