"""JSON that a person wrote: read, or told where it stops being JSON.

The submit page reads files and documents by it. What the JSON says is judged later, by the use cases.
"""

from __future__ import annotations

import json
import re
from typing import Any, NoReturn

from scoring.values import Problem

# A proposal has five levels. Deeper ones are nobody's proposal, and below a thousand Python cannot follow.
DEEPEST = 8
_SURROGATE = re.compile("[\ud800-\udfff]")


def parsed(text: str, *, field: str, first_line: int = 1) -> tuple[dict[str, Any] | None, Problem | None]:
    """An object, or what is wrong: ``bad_json`` (with its line and ``column``), ``wrong_type``, ``not_text``.

    ``first_line`` is the number of the text's first line for whoever reads the problem.
    """
    try:
        content = json.loads(text, parse_constant=_refuse_constant)
    except json.JSONDecodeError as error:
        line = first_line + error.lineno - 1
        return None, Problem(field=field, code="bad_json", line=line, params={"column": error.colno})
    except (ValueError, RecursionError):
        return None, Problem(field=field, code="bad_json")
    if not isinstance(content, dict):
        return None, Problem(field=field, code="wrong_type", params={"expected": "object"})
    if _is_deeper_than(DEEPEST, content):
        return None, Problem(field=field, code="bad_json")
    # "\ud800" is JSON, but no text: nothing could store or show it.
    if _SURROGATE.search(json.dumps(content, ensure_ascii=False)):
        return None, Problem(field=field, code="not_text")
    return content, None


def _is_deeper_than(levels: int, value: Any) -> bool:
    below = value.values() if isinstance(value, dict) else value if isinstance(value, list) else None
    if below is None:
        return False
    return levels == 0 or any(_is_deeper_than(levels - 1, each) for each in below)


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")
