"""Functions called in several processes at once, joined by gloo as torchrun would join them."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
import torch.multiprocessing


def on_processes(
    number: int, folder: Path, function: Callable[..., Any], *arguments: Any, fails: bool = False
) -> list[Any]:
    """What `function(*arguments)`, of some module's top level, returns in each process, by rank.

    Args:
        folder: a new one, for what the processes leave.
        fails: whether errors are returned too; else the first is raised here.
    """
    folder.mkdir(parents=True)
    torch.multiprocessing.spawn(_call, args=(number, folder, function, arguments), nprocs=number)
    answers = [pickle.loads((folder / f"{rank}.pickle").read_bytes()) for rank in range(number)]
    for answer in answers:
        if isinstance(answer, Exception) and not fails:
            raise answer
    return answers


def _call(rank: int, number: int, folder: Path, function: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
    torch.set_num_threads(1)
    meeting = (folder / "meeting").as_uri()
    dist.init_process_group("gloo", init_method=meeting, rank=rank, world_size=number, timeout=timedelta(minutes=10))
    try:
        answer = function(*arguments)
    except Exception as error:
        answer = error
    (folder / f"{rank}.pickle").write_bytes(pickle.dumps(answer))
    dist.barrier()
    dist.destroy_process_group()
