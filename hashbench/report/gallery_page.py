"""One self-contained HTML page of a gallery: no script, no network, images inside."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from html import escape

import numpy as np

from hashbench.report.gallery import Group, Item, Section, Shown
from hashbench.report.gallery_images import data_uri, is_crisp
from hashbench.report.gallery_style import STYLE

_LINKS = {"random": "random", "worst": "lowest AP", "best": "highest AP"}


class _Page:
    """Renders rows of one data set.

    Args:
        image: row -> (C, H, W) uint8.
        name: row -> what its labels are called.
        path: row -> the image's path, empty where there is none.
    """

    def __init__(
        self, image: Callable[[int], np.ndarray], name: Callable[[int], str], path: Callable[[int], str]
    ) -> None:
        self._image, self._name, self._path = image, name, path

    def picture(self, row: int, alt: str) -> str:
        """An <img> of a row, with the path as its tooltip."""
        pixels = self._image(row)
        crisp = ' class="crisp"' if is_crisp(pixels) else ""
        title = f' title="{escape(self._path(row))}"' if self._path(row) else ""
        height, width = pixels.shape[1:]
        return (
            f'<img src="{data_uri(pixels)}" alt="{escape(alt)}"{crisp}{title} width="{width}" height="{height}" '
            'loading="lazy">'
        )

    def section(self, section: Section) -> str:
        """All queries of a section."""
        queries = "\n".join(self.query(shown) for shown in section.queries)
        return f'<section id="{section.name}"><h2>{escape(section.title)}</h2>\n{queries}\n</section>'

    def query(self, shown: Shown) -> str:
        """A query beside what it retrieves."""
        name, path = self._name(shown.row), self._path(shown.row)
        ties = f"{shown.ap_worst:.3f} to {shown.ap_best:.3f} by the order of ties"
        where = f"<span>{escape(path)}</span>" if path else ""
        groups = "\n".join(self.group(group) for group in shown.groups)
        return (
            f'<article class="query"><div class="asked">{self.picture(shown.row, f"query, row {shown.row}: {name}")}'
            f"<div><h3>{escape(name)}</h3><span>row {shown.row}</span>{where}"
            f"<span>AP {shown.ap:.3f}</span><span>{ties}</span></div></div>\n"
            f'<ol class="groups">\n{groups}\n</ol></article>'
        )

    def group(self, group: Group) -> str:
        """A bracket around the items at one distance."""
        listed = len(group.items)
        cut = listed < group.tied
        count = f" · {listed} of {group.tied:,}, drawn" if cut else f" · {listed} tied" if listed > 1 else ""
        items = "".join(self.item(item) for item in group.items)
        bits = "1 bit" if group.distance == 1 else f"{group.distance} bits"
        return (
            f'<li class="group{" cut" if cut else ""}"><b>rank {group.rank:,} · {bits}{count}</b><ul>{items}</ul></li>'
        )

    def item(self, item: Item) -> str:
        """A retrieved image with its mark."""
        word, mark = ("right", "✓") if item.relevant else ("wrong", "✗")
        name = self._name(item.row)
        picture = self.picture(item.row, f"{word}, row {item.row}: {name}")
        return (
            f'<li class="item {word}">{picture}<span class="mark" role="img" aria-label="{word}">{mark}</span> '
            f"{escape(name)}</li>"
        )


def gallery_page(
    title: str,
    facts: Mapping[str, str],
    sections: Sequence[Section],
    *,
    top: int,
    seed: int,
    image: Callable[[int], np.ndarray],
    name: Callable[[int], str],
    path: Callable[[int], str] = lambda row: "",
) -> str:
    """The page.

    Args:
        title: its heading.
        facts: what stands in its head, in order.
        sections: of `hashbench.report.gallery.sections`.
        top, seed: as given there, for the explanation.
        image, name, path: see `_Page`.
    """
    page = _Page(image, name, path)
    head = "".join(f"<div><dt>{escape(key)}</dt><dd>{escape(value)}</dd></div>" for key, value in facts.items())
    links = "".join(
        f'<a href="#{part.name}">{len(part.queries)} {_LINKS.get(part.name, part.name)}</a>' for part in sections
    )
    body = "\n".join(page.section(part) for part in sections)
    return f"""<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="generator" content="hashbench gallery"><title>{escape(title)}</title><style>{STYLE}</style></head>
<body><header><h1>{escape(title)}</h1><dl>{head}</dl>
<p class="note">Beside each query, the {top} nearest items of the database by Hamming distance.
<span class="right"><span class="mark">✓</span> right</span>: shares a label with the query.
<span class="wrong"><span class="mark">✗</span> wrong</span> (dashed frame): shares none. AP is the query's average
precision over the whole database, expected over all orders of tied items.</p>
<p class="note">A bracket holds items at one distance: they share a rank and have no order. Where the list ends inside
such a group (dashed edge), the items shown are a draw from it, repeatable with seed {seed}: another seed shows
others.</p>
</header><nav aria-label="Sections">{links}</nav><main>
{body}
</main></body></html>
"""
