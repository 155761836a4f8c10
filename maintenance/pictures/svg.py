"""Boxes, texts and arrows of an SVG. A dark and a light page can both show them, since they have a ground."""

from collections.abc import Iterable
from html import escape

INK, PAPER, LINE = "#1f2937", "#ffffff", "#94a3b8"
BLUE, GREEN = "#dbeafe", "#dcfce7"

STYLE = (
    "text{font:13px ui-monospace,Menlo,Consolas,monospace;fill:" + INK + "}"
    ".title{font-weight:bold}.small{font-size:11px;fill:#64748b}"
)
ARROW = (
    '<marker id="arrow" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="8" markerHeight="8" orient="auto">'
    f'<path d="M0 0L8 4L0 8z" fill="{LINE}"/></marker>'
)


def document(width: int, height: int, title: str, parts: Iterable[str]) -> str:
    """Return an SVG. The title is for people who do not see it."""
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" '
        f'height="{height}" role="img"><title>{escape(title)}</title><style>{STYLE}</style>'
        f'<defs>{ARROW}</defs><rect width="{width}" height="{height}" rx="8" fill="{PAPER}"/>'
    )
    return "\n".join([head, *parts, "</svg>\n"])


def box(x: int, y: int, width: int, height: int, fill: str) -> str:
    return (
        f'<rect x="{x}" y="{y}" width="{width}" height="{height}" rx="5" fill="{fill}" '
        f'stroke="{LINE}"/>'
    )


def text(x: int, y: int, words: str, kind: str = "", anchor: str = "start") -> str:
    return f'<text x="{x}" y="{y}" class="{kind}" text-anchor="{anchor}">{escape(words)}</text>'


def arrow(path: str) -> str:
    return f'<path d="{path}" fill="none" stroke="{LINE}" marker-end="url(#arrow)"/>'
