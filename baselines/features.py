"""features: the float features themselves, ranked by cosine similarity. This row says what binarisation costs."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hashbench.models import ShallowMethod


class Features(ShallowMethod):
    """Exact cosine ranking of the features as they come, raw or of a frozen backbone; nothing is learned.

    There are no codes. The harness ranks the database by the cosine with each query; items with equal cosines are
    tied, as items at one Hamming distance are.

    Args:
        bits: ignored: the numbers are the same at every length, so that the row stands beside codes of any length.
        random_state: ignored.
    """

    supervised = False
    ranking = "cosine"

    def _fit(self, X: NDArray[np.float64], y: NDArray | None) -> None:
        """Nothing to learn."""

    def _project(self, X: NDArray[np.float64]) -> NDArray[np.float64]:
        return X
