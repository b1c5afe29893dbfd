"""A K-SVD dictionary of what the code layer is given: where encoders made of a solver's iterations start from."""

from __future__ import annotations

import copy
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from hashbench.models import FitContext
from hashbench.models.deep import require
from hashbench_baselines.ksvd import ksvd

Matrix = NDArray[np.float64]


@dataclass(frozen=True)
class DictionaryStart:
    """Settings of K-SVD, checked when they are made.

    Attributes:
        method: name for error messages.
        bits: N, number of atoms.
        num_train: training samples there are.
        sparsity: atoms that a sample may use.
        iterations: turns of K-SVD.
        samples: training samples that it is given, at most.

    Raises:
        UserError: a value out of range, or fewer samples than atoms.
    """

    method: str
    bits: int
    num_train: int
    sparsity: int
    iterations: int
    samples: int

    def __post_init__(self) -> None:
        require(self.sparsity >= 1, f"{self.method}: sparsity = {self.sparsity} must be >= 1: atoms a sample may use")
        require(self.iterations >= 1, f"{self.method}: ksvd_iterations = {self.iterations} must be >= 1")
        given = min(self.num_train, self.samples)
        require(
            self.bits <= given,
            f"{self.method}: K-SVD makes a dictionary of {self.bits} atoms, one per bit, from no fewer samples and is "
            f"given {given}: take fewer bits, more samples or a larger ksvd_samples, or set init=random",
        )

    def learn(self, fit: FitContext) -> tuple[Matrix, Matrix]:
        """D (n, N), and the (M, n) inputs of the code layer that it was learned on, drawn at random."""
        rng = np.random.default_rng(int(torch.randint(2**63 - 1, (), generator=fit.generator)))
        inputs = code_layer_inputs(fit, self.samples)
        return ksvd(inputs, self.bits, self.sparsity, self.iterations, rng), inputs


def code_layer_inputs(fit: FitContext, samples: int) -> Matrix:
    """What the code layer is given for up to `samples` training samples drawn at random: (M, n) float64.

    Batch norm in the shared hidden layers uses the statistics of these samples, as in a first training step.
    """
    rows = torch.randperm(len(fit.labels), generator=fit.generator)[:samples]
    features = fit.features()
    with torch.no_grad():
        hidden = copy.deepcopy(fit.network.hidden).train()
        return hidden(features[rows.to(features.device)]).double().cpu().numpy()
