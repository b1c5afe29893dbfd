"""A plugin whose methods fail in all the ways that a sweep must bear, and whose backbone counts what it is given."""

from __future__ import annotations

REGISTRY = """
methods:
  crashing:
    class: faulty_methods:Crashing
    kind: deep
    optimizer: {type: SGD, lr: 0.05}
  refusing:
    class: faulty_methods:Refusing
    kind: deep
    optimizer: {type: SGD, lr: 0.05}
backbones:
  counting:
    class: faulty_methods:Counting
    title: every eighth pixel, and a note of how many images were asked for
    mean: [0.5]
    std: [0.25]
"""

METHODS = '''
import os
from pathlib import Path
import torch
from torch import nn
from hashbench.errors import UserError
from hashbench.models import DeepMethod


def note(name, text):
    with open(Path(os.environ["FAULTY_NOTES"]) / name, "a") as file:
        file.write(text)


class Crashing(DeepMethod):
    """Raises what nobody expects, the first `times` times."""

    def __init__(self, *, times=1, **options):
        super().__init__(**options)
        self.times = times

    def loss(self, batch):
        note("crashes", "x")
        if len((Path(os.environ["FAULTY_NOTES"]) / "crashes").read_text()) <= self.times:
            raise RuntimeError("out of luck\\nsecond line")
        return {"pull": (batch.codes ** 2).mean()}


class Refusing(DeepMethod):
    def __init__(self, **options):
        note("refusals", "x")
        raise UserError("method refusing: cannot give so many bits")


class Counting(nn.Module):
    out_features = 8

    def __init__(self, in_channels=1):
        super().__init__()
        self.scale = nn.Parameter(torch.ones(1))

    def forward(self, images):
        if len(images) > 1:
            note("images", f"{len(images)}\\n")
        return images.flatten(1)[:, ::8][:, :8] * self.scale
'''
