"""Where memory is limited (`ulimit -v`), torch may end the whole process while it is imported: a child tries first."""

from __future__ import annotations

import os
import resource
import sys
from importlib.abc import MetaPathFinder
from typing import Any


def try_torch_first() -> None:
    """If this process has a limit, let the first import of torch be tried by a child; a MemoryError if that fails."""
    if resource.getrlimit(resource.RLIMIT_AS)[0] != resource.RLIM_INFINITY:
        sys.meta_path.insert(0, _Try())


class _Try(MetaPathFinder):
    def find_spec(self, name: str, path: Any = None, target: Any = None) -> None:
        if name != "torch":
            return
        sys.meta_path.remove(self)
        child = os.fork()
        if child == 0:
            _import_torch_and_leave()
        if os.waitpid(child, 0)[1] != 0:
            limit = resource.getrlimit(resource.RLIMIT_AS)[0]
            raise MemoryError(f"torch cannot be imported within {limit >> 20} MiB of address space")


def _import_torch_and_leave() -> None:
    """With exit code 0 if it can be imported; what C++ says at its end is heard by nobody."""
    try:
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, 1)
        os.dup2(null, 2)
        import torch  # noqa: F401

        os._exit(0)
    finally:
        os._exit(1)
