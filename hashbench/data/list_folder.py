"""Which files of a folder are the lists of a data set, by their names, and which look like one and are not used."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from hashbench.data.list_file import ListFile
from hashbench.data.role_names import NameRead, read_name, role_of
from hashbench.errors import UserError
from hashbench.paths import brief, is_file

_NAMED = 5
"""Files that a note names."""


def find_lists(folder: Path) -> tuple[dict[str, ListFile], list[str]]:
    """Role -> its list, in the order of the files' names, and what is to be said about files that are not used.

    A role's list is the file that is named after it alone (`val.txt`); else one of a longer name (`val_list.txt`), or
    two files of paths and labels (`val_images.txt`, `val_labels.txt`). Where no file is named after a role, `paths.txt`
    and `labels.txt` make one list, under ''.

    Raises:
        UserError: the folder cannot be read, holds no lists, or two for one role.
    """
    texts, others = _files(folder)
    read = {file: name for file in texts if (name := read_name(file.stem))}
    lists: dict[str, ListFile] = {}
    for role in dict.fromkeys(name.role for name in read.values() if name.role):
        found = _list_of(role, read)
        if found is not None:
            lists[role] = found
    if not lists:
        pair = _pair("", read)
        if pair is None:
            raise UserError(
                f"image list: no train.txt and test.txt in {brief(folder)}; give their folder, or one list file, with "
                "--data-root"
            )
        lists[""] = pair
    used = {file for one in lists.values() for file in one}
    unused = [brief(file.name) for file in texts if file not in used] + [brief(file.name) for file in others]
    if not unused:
        return lists, []
    first = ", ".join(unused[:_NAMED]) + (", ..." if len(unused) > _NAMED else "")
    return lists, [f"left out: {len(unused)} files that are no lists of a part by their names ({first})"]


def _files(folder: Path) -> tuple[list[Path], list[Path]]:
    """The text files of a folder, and the files of other kinds that are named after a role."""
    try:
        files = sorted(path for path in folder.iterdir() if is_file(path))
    except OSError as error:
        raise UserError(
            f"image list: {brief(folder)} cannot be read ({error.strerror or error}); correct --data-root"
        ) from error
    texts = [file for file in files if file.suffix == ".txt"]
    others = [file for file in files if file.suffix != ".txt" and (name := read_name(file.stem)) and name.role]
    return texts, others


def _list_of(role: str, read: dict[Path, NameRead]) -> ListFile | None:
    """The list of a role; None where there are only labels."""
    exact = [file for file, name in read.items() if name.role == role and role_of(file.stem)]
    if exact:
        return ListFile(_only(exact, role))
    pair = _pair(role, read)
    if pair is not None:
        return pair
    longer = [file for file, name in read.items() if name.role == role and not name.labels]
    return ListFile(_only(longer, role)) if longer else None


def _pair(role: str, read: dict[Path, NameRead]) -> ListFile | None:
    """The files of paths and of labels of a role, where there are both."""
    paths = [file for file, name in read.items() if name.role == role and name.paths]
    labels = [file for file, name in read.items() if name.role == role and name.labels]
    return ListFile(_only(paths, role), _only(labels, role)) if paths and labels else None


def _only(files: Sequence[Path], role: str) -> Path:
    if len(files) > 1:
        what = f"both the {role}" if role else "both of the same kind"
        raise UserError(
            f"image list: {brief(files[0].name)} and {brief(files[1].name)} in {brief(files[0].parent)} are {what}; "
            "remove one"
        )
    return files[0]
