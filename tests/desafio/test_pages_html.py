"""Every page of a contestant's doors as HTML: nothing inline, all labelled, well nested, its own title.

The list of pages comes from ``tests/contest.py``; a test there holds it to the URL map.
"""

from __future__ import annotations

from collections import Counter
from itertools import pairwise
from typing import Any

import pytest
from django.db import transaction
from django.urls import URLPattern, URLResolver, get_resolver, resolve

from tests.contest import Answer, a_contest, pages_of
from tests.web_page import Element, Page, read

pytestmark = pytest.mark.django_db

OUR_DOORS = ("desafio.pages", "desafio.accounts", "allauth")
# Answers that are no page, or only a way to one.
NO_PAGES = {
    "pages:join",
    "pages:lint",
    "pages:progress",
    "pages:power",
    "pages:records",
    "accounts:rename",
    "accounts:consent",
}
# Where somebody who forgot the password is sent, under the name that allauth asks for.
ALIASES = {"account_set_password"}


@pytest.fixture(scope="module")
def answers(django_db_setup: None, django_db_blocker: Any) -> dict[str, Answer]:
    """Fetched once for all claims of this module; the rows are rolled back."""
    with django_db_blocker.unblock(), transaction.atomic():
        fetched = pages_of(a_contest())
        transaction.set_rollback(True)
    return fetched


@pytest.fixture(scope="module")
def pages(answers: dict[str, Answer]) -> dict[str, Page]:
    """Those that are pages: a redirect has no body."""
    return {name: read(answer.content) for name, answer in answers.items() if answer.content}


def test_the_list_of_pages_knows_every_address(answers: dict[str, Answer]) -> None:
    seen = {_name_of(answer) for answer in answers.values()}
    ours = {name for name, pattern in _named(get_resolver().url_patterns) if _is_ours(pattern)}
    assert len(ours) > 20
    assert ours - NO_PAGES - ALIASES - seen == set()


def test_no_page_fails_but_the_one_that_was_broken_on_purpose(answers: dict[str, Answer]) -> None:
    failed = [name for name, answer in answers.items() if answer.status_code >= 500]
    assert failed == ["a fault of ours"]
    expected = {"a form without its token": 403, "too many logins": 429, "a body above the limit": 413}
    assert {name: answers[name].status_code for name in expected} == expected


def test_elements_nest_and_no_attribute_stands_twice(pages: dict[str, Page]) -> None:
    assert {name: page.faults for name, page in pages.items() if page.faults} == {}


def test_nothing_is_inline(pages: dict[str, Page]) -> None:
    """The policy of the headers would stop it, and the page would be broken for everyone."""
    inline = [
        (name, element.tag, attribute)
        for name, page in pages.items()
        for element in page.root.all()
        for attribute in element.attributes
        if attribute == "style" or attribute.startswith("on")
    ]
    assert inline == []
    bodies = [
        (name, element.raw_text)
        for name, page in pages.items()
        for element in page.root.all("script", "style")
        if element.tag == "style" or not element.get("src")
    ]
    assert bodies == []
    links = [
        (name, value)
        for name, page in pages.items()
        for element in page.root.all()
        for value in (element.get("href"), element.get("src"), element.get("action"))
        if value.lower().strip().startswith(("javascript:", "data:", "http://", "//"))
    ]
    assert links == []


def test_every_page_has_its_language_one_heading_and_a_way_past_the_menu(pages: dict[str, Page]) -> None:
    wrong = []
    for name, page in pages.items():
        root = page.root
        skip = root.with_class("skip")
        right = [
            [element.get("lang") for element in root.all("html")] == ["es"],
            len(root.all("main")) == 1,
            len(root.all("h1")) == 1 and root.all("h1")[0].inside("main"),
            len(root.all("title")) == 1,
            [link.get("href") for link in skip] == [f"#{page.main.get('id')}"],
            bool(root.all("body")) and root.all("a")[0] is skip[0],
            all(nav.get("aria-label") for nav in root.all("nav")),
        ]
        wrong += [(name, right)] if not all(right) else []
    assert wrong == []


def test_headings_go_down_one_level_at_a_time(pages: dict[str, Page]) -> None:
    jumps = []
    for name, page in pages.items():
        levels = [int(each.tag[1]) for each in page.main.all("h1", "h2", "h3", "h4", "h5", "h6")]
        jumps += [(name, levels) for above, below in pairwise(levels) if below > above + 1]
    assert jumps == []


def test_every_control_has_a_label(pages: dict[str, Page]) -> None:
    bare = [
        (name, control.attributes)
        for name, page in pages.items()
        for control in page.root.all("input", "textarea", "select", "progress", "meter")
        if control.get("type") != "hidden" and not _label_of(page, control)
    ]
    assert bare == []
    mute = [
        (name, button.attributes)
        for name, page in pages.items()
        for button in page.root.all("button", "a", "summary")
        if not (button.get("aria-label") or button.text)
    ]
    assert mute == []


def test_every_id_stands_once_and_what_is_pointed_at_is_there(pages: dict[str, Page]) -> None:
    wrong = []
    for name, page in pages.items():
        ids = Counter(element.get("id") for element in page.root.all() if element.get("id"))
        wrong += [(name, "twice", each) for each, count in ids.items() if count > 1]
        wrong += [(name, "missing", each) for each in _pointed_at(page) if each not in ids]
    assert wrong == []


def test_what_is_wrong_is_told_to_who_cannot_see_it(pages: dict[str, Page]) -> None:
    """A control with a mistake is marked, says which text describes it, and the page speaks when it opens."""
    untold = []
    for name, page in pages.items():
        for wrong in page.root.with_class("field-errors"):
            box = next(each for each in wrong.ancestors() if "field" in each.get("class").split())
            control = box.all("input", "textarea", "select")[0]
            described = control.get("aria-describedby").split()
            if control.get("aria-invalid") != "true" or wrong.get("id") not in described:
                untold.append((name, control.attributes))
        if page.root.with_class("field-errors") and not _with_role(page, "alert"):
            untold.append((name, {"role": "no alert"}))
    assert untold == []


def test_tables_name_their_rows_and_columns(pages: dict[str, Page]) -> None:
    tables = [(name, table) for name, page in pages.items() for table in page.root.all("table")]
    bare = [
        (name, header.text)
        for name, table in tables
        for header in table.all("th")
        if header.get("scope") not in ("col", "row")
    ]
    ours = [(name, table) for name, table in tables if "prose" not in _classes_above(table)]
    headless = [name for name, table in ours if not table.all("th")]
    # A table that is wider than a telephone scrolls in a box of its own, which a keyboard must reach.
    stuck = [name for name, table in ours if not _scrolls(table)]
    assert ours
    assert (bare, headless, stuck) == ([], [], [])


def test_pictures_have_a_text_or_say_that_they_are_decoration(pages: dict[str, Page]) -> None:
    bare = [
        name
        for name, page in pages.items()
        for image in page.root.all("img")
        if "alt" not in image.attributes
    ]
    assert bare == []


def test_what_changes_by_itself_is_announced(pages: dict[str, Page]) -> None:
    boards = [page for page in pages.values() if _has_id(page, "board-rows")]
    followed = [page for page in pages.values() if _has_id(page, "progress")]
    written = [page for page in pages.values() if _has_id(page, "lint-status")]
    assert boards
    assert followed
    assert written
    for page in boards:
        assert page.root.by_id("board-announcement").get("aria-live") == "polite"
        assert page.root.by_id("board-status").get("role") == "status"
    assert {page.root.by_id("progress").get("aria-live") for page in followed} == {"polite"}
    assert {page.root.by_id("lint-status").get("aria-live") for page in written} == {"polite"}


def test_two_addresses_never_have_one_title(answers: dict[str, Answer]) -> None:
    titles: dict[str, set[str]] = {}
    for name, answer in answers.items():
        if answer.content and answer.status_code < 400 and "/envios/" not in answer.request["PATH_INFO"]:
            titles.setdefault(read(answer.content).title, set()).add(answer.request["PATH_INFO"])
            assert read(answer.content).title.endswith(" · Desafío ALIA"), name
    assert {title: paths for title, paths in titles.items() if len(paths) > 1} == {}


def _named(patterns: list[URLPattern | URLResolver], above: str = "") -> list[tuple[str, URLPattern]]:
    found: list[tuple[str, URLPattern]] = []
    for each in patterns:
        if isinstance(each, URLResolver):
            found += _named(each.url_patterns, f"{above}{each.namespace}:" if each.namespace else above)
        elif each.name:
            found.append((f"{above}{each.name}", each))
    return found


def _is_ours(pattern: URLPattern) -> bool:
    view = getattr(pattern.callback, "view_class", pattern.callback)
    return view.__module__.startswith(OUR_DOORS)


def _name_of(answer: Answer) -> str:
    path = answer.request["PATH_INFO"]
    return "" if answer.status_code == 404 and path == "/no-existe/" else resolve(path).view_name


def _label_of(page: Page, control: Element) -> str:
    wrapped = [each.text for each in control.ancestors() if each.tag == "label"]
    pointing = [each.text for each in page.root.all("label") if each.get("for") == control.get("id") != ""]
    return control.get("aria-label") or "".join(wrapped + pointing)


def _pointed_at(page: Page) -> set[str]:
    names: set[str] = set()
    for element in page.root.all():
        for attribute in ("for", "aria-labelledby", "aria-describedby", "aria-controls"):
            names.update(element.get(attribute).split())
        if element.tag == "a" and element.get("href").startswith("#"):
            names.add(element.get("href")[1:])
    return names


def _with_role(page: Page, role: str) -> list[Element]:
    return [element for element in page.root.all() if element.get("role") == role]


def _classes_above(element: Element) -> set[str]:
    return {name for each in element.ancestors() for name in each.get("class").split()}


def _scrolls(table: Element) -> bool:
    box = next((each for each in table.ancestors() if "scroll" in each.get("class").split()), None)
    return box is not None and box.get("tabindex") == "0" and bool(box.get("aria-label"))


def _has_id(page: Page, name: str) -> bool:
    return any(element.get("id") == name for element in page.root.all())
