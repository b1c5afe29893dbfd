"""Sheets that go to a file that was named, without an index: SVG, PNG or PDF by its ending."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hashbench.errors import UserError
from hashbench.paths import brief
from hashbench.report.figures.sheet import Page, Sheet
from hashbench.report.figures.style import house_style, styles
from hashbench.results.atomic import write_bytes

METADATA: dict[str, dict[str, Any]] = {
    "svg": {"Date": None},
    "png": {"Software": None},
    "pdf": {"CreationDate": None},
}
"""Without dates and versions: equal numbers, equal files."""


def check_suffix(path: Path) -> str:
    """The format that a file's ending asks for.

    Raises:
        UserError: another ending.
    """
    ending = path.suffix.lower().lstrip(".")
    if ending not in METADATA:
        raise UserError(f"{brief(path)}: figures are drawn as .svg, .png or .pdf: name a file that ends so")
    return ending


def write_sheets(sheets: Sequence[Sheet], path: Path) -> list[Path]:
    """Draw sheets of one style per label.

    Args:
        sheets: of any kinds.
        path: of a single page; where there are more, `-1`, `-2`, ... follow its name.

    Returns:
        The files written.

    Raises:
        UserError: another ending, or a place that cannot be written to.
    """
    ending = check_suffix(path)
    style = styles(list(dict.fromkeys(label for sheet in sheets for label in sheet.sources)))
    with house_style():
        pages = [page for sheet in sheets for page in sheet.pages(style)]
        names = [path] if len(pages) == 1 else [path.with_stem(f"{path.stem}-{n}") for n in range(1, len(pages) + 1)]
        for name, page in zip(names, pages, strict=True):
            write_bytes(name, drawn(page, ending))
    return names


def drawn(page: Page, ending: str) -> bytes:
    """A page in a format, one of `METADATA`."""
    buffer = io.BytesIO()
    page.figure.savefig(buffer, format=ending, metadata=METADATA[ending])
    return buffer.getvalue()
