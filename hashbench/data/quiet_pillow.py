"""Pillow's warnings switched off while images are decoded, in any number of threads, and nothing else.

`warnings.catch_warnings` puts the filters back that it found: two threads that overlap put back each other's, and the
process stays silent for ever. Here one filter, for Pillow's modules alone, is in place while anybody is within.
"""

from __future__ import annotations

import re
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, cast

# The comment in the expression tells this filter from one that somebody else may have set.
_FILTER = ("ignore", None, Warning, re.compile(r"PIL\.(?#while hashbench decodes)"), 0)
_lock = threading.Lock()
_within = 0


@contextmanager
def quiet_pillow() -> Iterator[None]:
    """No warnings of odd metadata and large images, which are no faults."""
    global _within
    with _lock:
        _within += 1
        if _FILTER not in warnings.filters:
            _filters().insert(0, _FILTER)
    try:
        yield
    finally:
        with _lock:
            _within -= 1
            if not _within and _FILTER in warnings.filters:
                _filters().remove(_FILTER)


def _filters() -> list[Any]:
    """The filters in force, which is another list whenever somebody is within `catch_warnings`."""
    return cast("list[Any]", warnings.filters)
