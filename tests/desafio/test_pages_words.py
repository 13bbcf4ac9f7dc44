"""Whatever a person reads goes through gettext: no words stand bare in a template or in the doors' code."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.web_page import Element, read

ROOT = Path(__file__).resolve().parents[2]
TEMPLATES = sorted(path for path in (ROOT / "templates").rglob("*.*") if path.suffix in (".html", ".txt"))
DOORS = [ROOT / "platform" / "desafio" / name for name in ("accounts", "backoffice", "pages")]
MODULES = sorted(module for door in DOORS for module in door.rglob("*.py"))

COMMENT = re.compile(r"{% comment .*?{% endcomment %}|{#.*?#}", re.DOTALL)
TRANSLATED = re.compile(r"{% blocktranslate.*?{% endblocktranslate %}", re.DOTALL)
TAG = re.compile(r"{%.*?%}|{{.*?}}", re.DOTALL)
WORD = re.compile(r"[^\W\d_]{2,}")
# Read aloud or shown, though they are no text between tags.
SPOKEN = re.compile(r"aria-label|alt|title|placeholder|data-text-.*|data-you|data-fine")
# Code is not translated, nor is the name of a hash function.
AS_THEY_ARE = ("code", "pre", "script", "style")
NAMES = {"SHA"}

GETTEXT = {"_", "gettext", "gettext_lazy", "ngettext", "ngettext_lazy", "pgettext"}
SPANISH = re.compile(r"[áéíóúüñÁÉÍÓÚÑ¿¡«»]|\b(el|la|los|las|del|que|una?|tu|por|para|con)\s", re.IGNORECASE)


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda path: str(path.relative_to(ROOT / "templates")))
def test_no_words_stand_bare_in_a_template(template: Path) -> None:
    assert _bare_words(template.read_text(), is_html=template.suffix == ".html") == set()


def test_bare_words_would_be_seen() -> None:
    planted = '<p title="Hola">{% translate "Bien" %} {{ name }} Mal</p><code>user</code>{# nada #}'
    assert _bare_words(planted, is_html=True) == {"Hola", "Mal"}
    assert _bare_words("{% translate 'Bien' %} Mal", is_html=False) == {"Mal"}


@pytest.mark.parametrize("module", MODULES, ids=lambda path: str(path.relative_to(ROOT / "platform")))
def test_no_words_stand_bare_in_the_code_of_a_door(module: Path) -> None:
    assert list(_bare_texts(ast.parse(module.read_text()))) == []


def test_bare_texts_would_be_seen() -> None:
    planted = ast.parse('"""Él: a docstring."""\nx = _("Sí, claro")\ny = "Página"\nz = f"para {x}"\n')
    assert list(_bare_texts(planted)) == ["Página", "para "]


def _bare_words(source: str, *, is_html: bool) -> set[str]:
    left = TAG.sub(" ", TRANSLATED.sub(" ", COMMENT.sub(" ", source)))
    texts = list(_texts(read(left).root)) if is_html else [left]
    return {word for text in texts for word in WORD.findall(text)} - NAMES


def _texts(element: Element) -> Iterator[str]:
    for name, value in element.attributes.items():
        if SPOKEN.fullmatch(name):
            yield value
    for child in element.children:
        if isinstance(child, str):
            yield child
        elif child.tag not in AS_THEY_ARE:
            yield from _texts(child)


def _bare_texts(node: ast.AST) -> Iterator[str]:
    """String constants in Spanish that are neither docstrings nor handed to gettext."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in GETTEXT:
        return
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Expr) and isinstance(child.value, ast.Constant):
            continue
        if isinstance(child, ast.Constant) and isinstance(child.value, str) and SPANISH.search(child.value):
            yield child.value
        yield from _bare_texts(child)
