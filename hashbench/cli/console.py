"""Tables and progress bars, drawn by rich."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from rich.console import Console as RichConsole
from rich.console import ConsoleOptions, RenderableType
from rich.segment import Segment

from hashbench.cli.say import Output
from hashbench.foreign_text import visible


class Console(RichConsole):
    """rich's, on which text is text: no markup, no emoji, no control characters but rich's own.

    Args:
        stderr: standard error in place of standard output.
        options: of rich's console.
    """

    def __init__(self, *, stderr: bool = False, **options: Any) -> None:
        output = Output("stderr" if stderr else "stdout")
        super().__init__(file=output, markup=False, emoji=False, highlight=False, **options)  # type: ignore[arg-type]

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """What is to be written, in pieces."""
        for piece in super().render(renderable, options):
            yield piece if piece.control else Segment(visible(piece.text), piece.style)
