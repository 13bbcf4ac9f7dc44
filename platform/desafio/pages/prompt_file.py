"""A proposal that comes as a JSON file: read here, and told what no reader could make of it.

The submit page calls it. What the file says is judged later, by the same use cases as what was typed.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import Any, NoReturn

from django.core.files.uploadedfile import UploadedFile

from scoring.values import Problem

LARGEST_BYTES = 2_000_000
# A proposal has three levels. Deeper ones are nobody's proposal, and below a thousand Python cannot follow.
DEEPEST = 8
_SURROGATE = re.compile("[\ud800-\udfff]")


def content_of(file: UploadedFile[Any]) -> tuple[dict[str, Any] | None, Problem | None]:
    """A JSON file's content, or what is wrong with it."""
    if (file.size or 0) > LARGEST_BYTES:
        params = {"length": file.size or 0, "limit": LARGEST_BYTES}
        return None, Problem(field="file", code="too_long", params=params)
    try:
        text = file.read().decode("utf-8-sig")
    except UnicodeDecodeError:
        return None, Problem(field="file", code="not_text")
    try:
        content = json.loads(text, parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        return None, Problem(field="file", code="bad_json")
    return _looked_at(content)


def example(slots: Iterable[str], *, max_output_tokens: int) -> str:
    """A file that could be handed in as it is, to be shown beside the field."""
    user = "".join(f"{{{{{name}}}}}" for name in list(slots)[:1])
    sampling = {"temperature": 0, "max_output_tokens": min(32, max_output_tokens), "stop": ["\n"]}
    return json.dumps({"system": "", "user": user, "sampling": sampling}, ensure_ascii=False)


def _looked_at(content: Any) -> tuple[dict[str, Any] | None, Problem | None]:
    if not isinstance(content, dict):
        return None, Problem(field="file", code="wrong_type", params={"expected": "object"})
    if _is_deeper_than(DEEPEST, content):
        return None, Problem(field="file", code="bad_json")
    # "\ud800" is JSON, but no text: nothing could store or show it.
    if _SURROGATE.search(json.dumps(content, ensure_ascii=False)):
        return None, Problem(field="file", code="not_text")
    return content, None


def _is_deeper_than(levels: int, value: Any) -> bool:
    below = value.values() if isinstance(value, dict) else value if isinstance(value, list) else None
    if below is None:
        return False
    return levels == 0 or any(_is_deeper_than(levels - 1, each) for each in below)


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")
