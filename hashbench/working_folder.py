"""Importing this takes the working folder from the head of sys.path, where `python -m hashbench` has put it.

A working folder may hold anything, such as a data set that somebody sent, with a `pickle.py` in it.
"""

# Nothing may be imported here but what Python has loaded by itself, and not even `from __future__`: it would come from
# the working folder.
import os
import sys


def leave() -> None:
    """If hashbench itself lies in the working folder, that stays at the end, after all that is installed.

    `python -P` and PYTHONSAFEPATH (Python 3.11) do more: they keep `runpy` from looking there, which runs before us.
    """
    words = sys.orig_argv
    as_module = "-mhashbench" in words or ("-m", "hashbench") in zip(words, words[1:])  # noqa: B905, RUF007
    # While the package of a module is imported, Python says `-m` of the program.
    if not as_module or sys.argv[:1] != ["-m"] or getattr(sys.flags, "safe_path", False):
        return
    folder = sys.path.pop(0)
    if os.path.dirname(os.path.dirname(os.path.abspath(__file__))) == os.path.abspath(folder):
        sys.path.append(folder)


leave()
