"""random_codes: what chance gives. Each row's bits are a hash of its bytes and the seed; nothing is learned."""

from __future__ import annotations

import hashlib

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import check_random_state

from hashbench.models import ShallowMethod


class RandomCodes(ShallowMethod):
    """Independent fair bits for every distinct row; equal rows have equal codes, in any order and any batch.

    The bits of row x are the first K bits of SHAKE-128(seed, x). Ranking by them is a random ranking: mAP is about the
    share of relevant items in the database.

    Args:
        bits: K.
        random_state: seed of the hash.
    """

    supervised = False

    def _fit(self, X: NDArray[np.float64], y: NDArray | None) -> None:
        self.seed_ = int(check_random_state(self.random_state).randint(2**31))

    def _project(self, X: NDArray[np.float64]) -> NDArray[np.float64]:
        key = self.seed_.to_bytes(8, "little")
        rows = np.ascontiguousarray(X, dtype="<f8") + 0.0  # -0.0 and 0.0 are one value, so they must have one hash
        size = -(-self.bits // 8)
        digests = b"".join(hashlib.shake_128(key + row.tobytes()).digest(size) for row in rows)
        bits = np.unpackbits(np.frombuffer(digests, np.uint8).reshape(len(rows), size), axis=1, bitorder="little")
        return bits[:, : self.bits].astype(np.float64) * 2 - 1
