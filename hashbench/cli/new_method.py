"""`hashbench new-method NAME`: the file, the registry entry and the test of a new method, which pass as they are."""

from __future__ import annotations

import importlib.util
import keyword
import textwrap
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hashbench.cli.say import put
from hashbench.paths import exists, is_dir, is_file

if TYPE_CHECKING:
    import yaml


class Kind(str, Enum):
    """The two kinds of methods."""

    deep = "deep"
    shallow = "shallow"


def new_method(
    name: Annotated[str, typer.Argument(help="Name in the catalogue, and of the Python file.")],
    kind: Annotated[Kind, typer.Option(help="A loss that a network is trained with, or a fitted hash function.")] = (
        Kind.deep
    ),
    out: Annotated[Path, typer.Option(help="Folder to write to.")] = Path("."),
) -> None:
    """Write NAME.py, its entry in hashbench.yaml and test_NAME.py; nothing that exists is overwritten."""
    from hashbench.catalog import load_catalog
    from hashbench.catalog.catalog import LOCAL_FILE_NAME
    from hashbench.cli.method_templates import ENTRY, METHOD, TEST
    from hashbench.errors import UserError
    from hashbench.results.atomic import write_errors_explained, write_text

    _check_name(name)
    if exists(out) and not is_dir(out):
        raise UserError(f"--out {out}: not a folder")
    registry = out / LOCAL_FILE_NAME
    catalog = load_catalog(folder=out)
    if name in catalog.methods:
        raise UserError(f"a method {name} exists already: {catalog.sources['methods', name]}; choose another name")
    words = {"name": name, "class_name": "".join(part[:1].upper() + part[1:] for part in name.split("_"))}
    templates = {out / f"{name}.py": METHOD[kind.value], out / f"test_{name}.py": TEST}
    files = {path: template.substitute(words) for path, template in templates.items()}
    for path, text in files.items():
        if exists(path) and not _holds(path, text):  # what a killed call wrote is written again
            raise UserError(f"{path} exists already: choose another name or another folder with --out")
    module = importlib.util.find_spec(name)
    if module is not None and Path(module.origin or "").resolve() != (out / f"{name}.py").resolve():
        raise UserError(f"{name} is the name of an installed Python module, which {name}.py would hide: choose another")
    entry = ENTRY[kind.value].substitute(words)
    content = _with_entry(registry, entry)
    with write_errors_explained(out):
        out.mkdir(parents=True, exist_ok=True)
    for path, text in {**files, registry: content}.items():  # the entry last: what it names is there
        write_text(path, text)
    for path in (*files, registry):
        put(f"wrote {path}")
    place = "" if out == Path(".") else f"cd {out}; "
    put(f"next: {place}pytest; hashbench run --method {name} --epochs 1")


def _holds(path: Path, text: str) -> bool:
    """Whether a path is a file of exactly this text."""
    return is_file(path) and path.read_bytes() == text.encode()


def _check_name(name: str) -> None:
    from hashbench.errors import UserError

    if not (name.isidentifier() and name.isascii()) or keyword.iskeyword(name) or not name[0].isalpha():
        raise UserError(
            f"{name!r} cannot be the name of a method: letters, digits and _, a letter first, and no word of Python's"
        )


def _with_entry(registry: Path, entry: str) -> str:
    """The text of a hashbench.yaml with one more method, all else as it was.

    Raises:
        UserError: the section `methods` is not written as an indented block, so that nothing can be added to it.
    """
    import yaml

    from hashbench.errors import UserError

    text = registry.read_text(encoding="utf-8") if exists(registry) else ""
    if text and not text.endswith("\n"):
        text += "\n"
    document = yaml.compose(text)
    section = _section(document) if isinstance(document, yaml.MappingNode) else None
    if section is None:
        return f"{text}methods:\n" + textwrap.indent(entry, "  ")
    if section.flow_style:
        raise UserError(f"{registry}: write the section methods as an indented block, then an entry can be added")
    column = section.value[0][0].start_mark.column
    line = _end_of_block(text, section.end_mark.line)
    lines = text.splitlines(keepends=True)
    return "".join([*lines[:line], "\n", textwrap.indent(entry, " " * column), *lines[line:]])


def _section(document: yaml.MappingNode) -> yaml.MappingNode | None:
    """The value of `methods`; the catalogue has made sure that it is a mapping."""
    return next((value for key, value in document.value if key.value == "methods"), None)


def _end_of_block(text: str, line: int) -> int:
    """The line after the last of a block; blank lines and comments before the next section belong to that one."""
    lines = text.splitlines()
    while line > 0 and (not lines[line - 1].strip() or lines[line - 1].startswith("#")):
        line -= 1
    return line
