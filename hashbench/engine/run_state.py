"""Which folder is a run's, and whether it may begin there, go on there, or overwrite what is there."""

from __future__ import annotations

from typing import Any

from hashbench.catalog.request import RunSpec
from hashbench.errors import UserError
from hashbench.results.find import find_run
from hashbench.results.folder import RunFolder
from hashbench.results.layout import method_dir_name, protocol_dir_name


def folder_of(spec: RunSpec, fingerprint: str) -> RunFolder:
    """Where the run was begun, else its place.

    A protocol that draws its split is for data of one's own, which its name does not tell: each content has a folder.
    """
    begun = find_run(spec.out, spec.identity(), fingerprint)
    if begun is not None:
        return begun
    ambiguous = spec.overridden or spec.settings.split.fractions is not None
    return RunFolder.at(
        spec.out,
        protocol_dir_name(spec.protocol, fingerprint, ambiguous=ambiguous),
        method_dir_name(spec.method, spec.preset),
        spec.bits,
        spec.seed,
    )


def check_state(folder: RunFolder, identity: dict[str, Any], resume: bool | None) -> bool:
    """Refuse to mix runs; note what this run is where nothing was begun.

    Args:
        resume: as of `hashbench.engine.run.run`.

    Returns:
        Whether there is a run to go on with.

    Raises:
        UserError: the folder holds another run, or this one and nobody asked to go on with it.
    """
    begun = folder.state != "absent"
    if begun and resume is False:
        if other := _another(folder, identity):
            raise UserError(f"{folder.path} holds another run: {other}. Ask for that one, or give another --out")
        raise UserError(
            f"{folder.path} holds this run, finished: --resume shows it, --overwrite does it again"
            if folder.state == "finished"
            else f"{folder.path} holds an unfinished run: --resume goes on with it, --overwrite starts anew"
        )
    if begun:
        folder.check_spec(identity)
    else:
        folder.write_spec(identity)
    return begun


def refuse_to_overwrite_another(folder: RunFolder, identity: dict[str, Any]) -> None:
    """--overwrite deletes the run that is asked for, and no other that lies in its place.

    Raises:
        UserError: names what differs.
    """
    if folder.state != "absent" and (other := _another(folder, identity)):
        raise UserError(
            f"--overwrite: {folder.path} holds another run: {other}. Give another --out, or delete that folder"
        )


def refuse_to_resume(spec: RunSpec, folder: RunFolder, identity: dict[str, Any]) -> None:
    """--resume where nothing was started: name what differs from a run of the same method, bits and seed, if any."""
    for other in RunFolder.all_begun(
        spec.out, protocol=spec.protocol, method=spec.method, bits=spec.bits, seed=spec.seed
    ):
        if _another(other, identity):
            other.check_spec(identity)
    raise UserError(f"there is no run to resume in {folder.path}: start it without --resume")


def _another(folder: RunFolder, identity: dict[str, Any]) -> str:
    """What a begun run differs in from this one; nothing where it is this one, or nobody can say which it is."""
    try:
        return folder.differs_from(identity)
    except UserError:  # spec.json is missing or corrupt: to do it again is then the way out
        return ""
