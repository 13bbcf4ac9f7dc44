"""A challenge's statement as HTML: CommonMark with tables, then cleaned: no author can bring a script."""

from __future__ import annotations

import nh3
from django.utils.safestring import SafeString, mark_safe
from markdown_it import MarkdownIt

_TAGS = {
    "a", "blockquote", "br", "code", "del", "em", "h2", "h3", "h4", "h5", "h6", "hr", "li", "ol", "p", "pre",
    "strong", "table", "tbody", "td", "th", "thead", "tr", "ul",
}  # fmt: skip
_HEADINGS_BELOW_THE_PAGE_TITLE = 1


def to_html(text: str) -> SafeString:
    """Safe HTML; headings go down one level, because the page's own title is its h1."""
    parser = MarkdownIt("commonmark", {"html": False}).enable(["table", "strikethrough"])
    tokens = parser.parse(text)
    for token in tokens:
        if token.type in ("heading_open", "heading_close"):
            level = min(6, int(token.tag[1]) + _HEADINGS_BELOW_THE_PAGE_TITLE)
            token.tag = f"h{level}"
        elif token.type == "th_open":
            token.attrSet("scope", "col")
    rendered = parser.renderer.render(tokens, parser.options, {})
    cleaned = nh3.clean(
        rendered,
        tags=_TAGS,
        attributes={"a": {"href"}, "th": {"scope"}},
        url_schemes={"https", "http", "mailto"},
    )
    return mark_safe(cleaned)  # noqa: S308  # nh3 has just removed everything that is not in _TAGS
