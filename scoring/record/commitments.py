"""Salted hashes: what a record says of private things, so that nobody learns them and nobody can change them.

``challenges`` makes them when it seals a record; ``recompute`` makes them again from what was disclosed. The
salt is 256 random bits of the suite, told to nobody before its cases are: without it short answers ("b",
"sí") could be tried out one by one. Each hash also covers what it is about, so that equal answers do not look
alike.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from typing import Any

SALT = re.compile(r"[0-9a-f]{64}")
# What a suite is judged by: changing one of these makes another suite.
CASE_FIELDS = ("key", "group", "inputs", "expected", "grader", "weight", "position")


def case_text(case: Mapping[str, Any]) -> str:
    """The case's JSON as the suite's hash covers it: the fields in ``CASE_FIELDS``, keys sorted, no spaces.

    Not RFC 8785: a grader's tolerance may be a number with decimals. It is disclosed as this very text.
    """
    return _json({field: case[field] for field in CASE_FIELDS})


def slots_text(slots: Mapping[str, str]) -> str:
    return _json(slots)


def suite_sha256(*, slots: str, cases: Iterable[str]) -> str:
    """The suite's hash from the texts of its slots and of its cases, in their order."""
    return hashlib.sha256(f'{{"cases":[{",".join(cases)}],"slots":{slots}}}'.encode()).hexdigest()


def case_sha256(salt: str, text: str) -> str:
    """SHA-256 of salt, "case", and the case's text."""
    return _salted(salt, "case", text)


def answer_sha256(
    salt: str, *, evaluation: str, case_sha256: str, repetition: int, index: int, text: str
) -> str:
    """Of the ``index``-th call's answer (from 0) to one case in one repetition of one evaluation."""
    return _salted(salt, "answer", evaluation, case_sha256, str(repetition), str(index), text)


def content_sha256(salt: str, *, submission: str, sha256: str) -> str:
    """Of what was handed in, given its own plain hash, which only its author can make."""
    return _salted(salt, "content", submission, sha256)


def _salted(salt: str, *parts: str) -> str:
    """Parts are told apart by NUL, which none but the last can hold. Raises ``ValueError`` for no salt."""
    if not SALT.fullmatch(salt):
        raise ValueError("a salt is 64 hexadecimal digits in lower case")
    if any("\0" in part for part in parts[:-1]):
        raise ValueError("only the last part may hold NUL")
    return hashlib.sha256(bytes.fromhex(salt) + "\0".join(parts).encode()).hexdigest()


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
