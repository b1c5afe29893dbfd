"""The files that `hashbench new-method` writes: small methods that work, for the author to change."""

from __future__ import annotations

from string import Template

DEEP = Template('''\
"""$name: what it is in one sentence, and its source.

    L = mean over pairs i < j of (cos(u_i, u_j) - s_ij)^2,   u = tanh(logits),   s_ij = +1 or -1
"""

from __future__ import annotations

import torch
from hashbench.models import CodeBatch, DeepMethod
from hashbench.models.deep import require
from torch import Tensor
from torch.nn.functional import normalize


class $class_name(DeepMethod):
    """Pulls the cosine of two codes to +1 where the samples share a label, and to `dissimilar` where they do not.

    What else a method can have (a code layer of its own, state, schedules) is in `hashbench.models.DeepMethod`.

    Args:
        dissimilar: cosine in [-1, 1) wanted of dissimilar pairs.
    """

    def __init__(self, *, bits: int, num_classes: int, num_train: int, dissimilar: float = -1.0) -> None:
        super().__init__(bits=bits, num_classes=num_classes, num_train=num_train)
        require(-1 <= dissimilar < 1, f"$name: dissimilar = {dissimilar} must be in [-1, 1)")
        self.dissimilar = dissimilar

    def activation(self, logits: Tensor) -> Tensor:
        """tanh."""
        return logits.tanh()

    def loss(self, batch: CodeBatch) -> dict[str, Tensor]:
        """The mean over all pairs of two samples of the batch; 0 for a batch of one."""
        directions = normalize(batch.codes)
        wanted = torch.where(batch.similarity > 0, 1.0, self.dissimilar)
        errors = (directions @ directions.T - wanted).square().triu(diagonal=1)
        pairs = len(errors) * (len(errors) - 1) / 2
        return {"cosine": errors.sum() / max(pairs, 1)}
''')

SHALLOW = Template('''\
"""$name: what it is in one sentence, and its source.

    b(x) = sgn(W^T (x - mean)),   W random, its rows of unit length
"""

from __future__ import annotations

import numpy as np
from hashbench.models import ShallowMethod
from numpy.typing import NDArray
from sklearn.utils import check_random_state


class $class_name(ShallowMethod):
    """Signs of random projections; `_fit` is where a method learns, `supervised` says whether it reads targets.

    Args:
        bits: K.
        random_state: seed of the projections.
        center: subtract the mean of the training samples.

    Attributes:
        mean_: (d,) what is subtracted.
        projection_: (d, K).
    """

    supervised = False

    def __init__(self, bits: int = 32, random_state: int | None = None, center: bool = True) -> None:
        super().__init__(bits, random_state)
        self.center = center

    def _fit(self, X: NDArray[np.float64], y: NDArray | None) -> None:
        draw = check_random_state(self.random_state).standard_normal((X.shape[1], self.bits))
        self.projection_ = draw / np.linalg.norm(draw, axis=1, keepdims=True)
        self.mean_ = X.mean(axis=0) if self.center else np.zeros(X.shape[1])

    def _project(self, X: NDArray[np.float64]) -> NDArray[np.float64]:
        return (X - self.mean_) @ self.projection_
''')

ENTRY = {
    "deep": Template("""\
$name:
  class: $name:$class_name
  kind: deep
  title: "$name: what it is in a few words"
  search:
    optimizer.lr: {log: [0.0003, 0.01]}
    dissimilar: {uniform: [-1.0, 0.5]}
  deviations:
    - "No paper yet: give paper: {key, title, venue, url}, and say here where this differs from it."
"""),
    "shallow": Template("""\
$name:
  class: $name:$class_name
  kind: shallow
  title: "$name: what it is in a few words"
  search:
    center: {choice: [true, false]}
  deviations:
    - "No paper yet: give paper: {key, title, venue, url}, and say here where this differs from it."
"""),
}

TEST = Template('''\
"""$name keeps the contract of a method: one test per check, `pytest -v` names them."""

from pathlib import Path

from hashbench.testing import parametrize_with_checks


@parametrize_with_checks("$name", folder=Path(__file__).parent)
def test_conformance(check):
    check()
''')

METHOD = {"deep": DEEP, "shallow": SHALLOW}
