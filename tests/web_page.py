"""A page's HTML as a tree that tests can ask, made with the standard library's parser.

``read(html)`` gives a ``Page``; an element that is closed where another is open is kept in ``Page.faults``.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser

VOID = frozenset(
    {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "wbr"}
)


@dataclass(slots=True, eq=False)
class Element:
    tag: str
    attributes: dict[str, str]
    parent: Element | None = None
    children: list[Element | str] = field(default_factory=list)

    def get(self, name: str) -> str:
        return self.attributes.get(name, "")

    @property
    def text(self) -> str:
        """All text below, with white space collapsed."""
        return " ".join("".join(self._texts()).split())

    @property
    def raw_text(self) -> str:
        """The same as it stands: what a text area holds."""
        return "".join(self._texts())

    def all(self, *tags: str) -> list[Element]:
        """Every element below, in the order of the page; of these tags, or of any."""
        return [each for each in self._below() if not tags or each.tag in tags]

    def with_class(self, name: str) -> list[Element]:
        return [each for each in self._below() if name in each.get("class").split()]

    def by_id(self, name: str) -> Element:
        return next(each for each in self._below() if each.get("id") == name)

    def inside(self, *tags: str) -> bool:
        return any(each.tag in tags for each in self.ancestors())

    def ancestors(self) -> Iterator[Element]:
        above = self.parent
        while above is not None:
            yield above
            above = above.parent

    def _below(self) -> Iterator[Element]:
        for child in self.children:
            if isinstance(child, Element):
                yield child
                yield from child._below()

    def _texts(self) -> Iterator[str]:
        for child in self.children:
            if isinstance(child, str):
                yield child
            elif child.tag not in ("script", "style", "template"):
                yield from child._texts()


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    root: Element
    faults: tuple[str, ...]

    @property
    def title(self) -> str:
        return next(each.text for each in self.root.all("title"))

    @property
    def text(self) -> str:
        return next(each.text for each in self.root.all("body"))

    @property
    def main(self) -> Element:
        return next(iter(self.root.all("main")))

    def field(self, name: str) -> Element:
        """The control of that name in the page's main part."""
        controls = self.main.all("input", "textarea", "select")
        return next(each for each in controls if each.get("name") == name)

    def value(self, name: str) -> str:
        """What a browser would show and send for the control of that name."""
        control = self.field(name)
        if control.tag == "textarea":
            # The first line break after the tag is markup, not text.
            return control.raw_text.removeprefix("\n")
        return control.get("value")

    def errors_of(self, name: str) -> list[str]:
        """What stands under that control because it is wrong."""
        box = next(each for each in self.field(name).ancestors() if "field" in each.get("class").split())
        return [item.text for wrong in box.with_class("field-errors") for item in wrong.all("li")]


def read(html: bytes | str) -> Page:
    builder = _Builder()
    builder.feed(html.decode() if isinstance(html, bytes) else html)
    builder.close()
    left_open = [f"never closed: {each.tag}" for each in builder.open[1:]]
    return Page(root=builder.open[0], faults=(*builder.faults, *left_open))


class _Builder(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.open = [Element("#root", {})]
        self.faults: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = [name for name, _value in attrs]
        self.faults += [f"{tag} has {name} twice" for name in set(names) if names.count(name) > 1]
        element = Element(tag, {name: value or "" for name, value in attrs}, self.open[-1])
        self.open[-1].children.append(element)
        if tag not in VOID:
            self.open.append(element)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        # Only inside of a drawing does the slash mean anything.
        if self.open[-1].tag == tag and self.open[-1].inside("svg"):
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        if self.open[-1].tag == tag:
            self.open.pop()
            return
        self.faults.append(f"{tag} closed inside {self.open[-1].tag}")

    def handle_data(self, data: str) -> None:
        self.open[-1].children.append(data)
