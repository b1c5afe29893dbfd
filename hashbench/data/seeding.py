"""The algebra of seeds: every random stream is named by (seed, purpose), so a draw added to one changes no other.

    order of the batches in epoch 3      generator(seed, "data", 3)
    augmentation of its batch 7          generator(seed, "augment", 3, 7)
    first weights of the code layer      generator(seed, "weights", "code_layer")

A stream is a pure function of its name: a resumed run asks for the same name and gets the same numbers.
"""

from __future__ import annotations

import hashlib
import json

import torch


def derive_seed(seed: int, *purpose: str | int) -> int:
    """A seed of its own for a purpose: the first 63 bits of sha256 over the JSON list `[seed, *purpose]`.

    Args:
        seed: the seed of the run, any integer.
        purpose: words and numbers that name the stream; `"3"` and `3` are different names.

    Returns:
        An integer in [0, 2**63).

    >>> derive_seed(0, "data", 1) == derive_seed(0, "data", 1)
    True
    >>> derive_seed(0, "data", 1) == derive_seed(0, "data", 2)
    False
    """
    name = json.dumps([int(seed), *(part if isinstance(part, str) else int(part) for part in purpose)])
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big") >> 1


def generator(seed: int, *purpose: str | int) -> torch.Generator:
    """A CPU generator at the beginning of the stream `(seed, *purpose)`."""
    return torch.Generator().manual_seed(derive_seed(seed, *purpose))
