"""K-SVD: a dictionary in which every sample is a combination of few atoms.

    minimise |Y - D X|^2   over unit atoms D (n, N) and codes X (N, M) with at most T non-zeros per column

by turns of orthogonal matching pursuit for X and, atom by atom, a rank-one approximation of what the other atoms leave,
for the samples that use it: atom and its coefficients change together. Aharon, Elad, Bruckstein (2006).

scikit-learn's DictionaryLearning solves another problem (an l1 penalty instead of T, and atoms updated with the codes
held fixed), hence this one.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hashbench.models.deep import require

Matrix = NDArray[np.float64]


def ksvd(samples: Matrix, atoms: int, sparsity: int, iterations: int, rng: np.random.Generator) -> Matrix:
    """Learn a dictionary.

    A sample keeps its old code where pursuit finds a worse one, so the error never increases. An atom that no sample
    uses is replaced by the sample that is represented worst.

    Args:
        samples: Y transposed, (M, n).
        atoms: N.
        sparsity: T.
        iterations: turns.
        rng: draws the samples that are the first atoms.

    Returns:
        D, (n, N), columns of norm 1.

    Raises:
        UserError: fewer samples than atoms, or fewer than N samples that are not zero.
    """
    usable = np.flatnonzero(np.linalg.norm(samples, axis=1) > 0)
    require(
        len(usable) >= atoms,
        f"K-SVD: a dictionary of {atoms} atoms starts from as many samples, and {len(usable)} that are not zero are "
        "given: take fewer bits or more training samples",
    )
    signals = samples.T
    dictionary = signals[:, rng.choice(usable, atoms, replace=False)]
    dictionary = dictionary / np.linalg.norm(dictionary, axis=0)
    codes = np.zeros((atoms, signals.shape[1]))
    for _ in range(iterations):
        found = pursuit(dictionary, signals, sparsity)
        better = _errors(signals, dictionary, found) < _errors(signals, dictionary, codes)
        codes = np.where(better, found, codes)
        residual = signals - dictionary @ codes
        for k in range(atoms):
            users = np.flatnonzero(codes[k])
            if not len(users):
                worst = np.argmax((residual**2).sum(axis=0))
                norm = np.linalg.norm(residual[:, worst])
                if norm > 0:
                    dictionary[:, k] = residual[:, worst] / norm
                continue
            without = residual[:, users] + np.outer(dictionary[:, k], codes[k, users])
            dictionary[:, k], codes[k, users] = rank_one(without)
            residual[:, users] = without - np.outer(dictionary[:, k], codes[k, users])
    return dictionary


def rank_one(matrix: Matrix) -> tuple[Matrix, Matrix]:
    """The best approximation u v' of an (n, m) matrix with |u| = 1: u (n,), v (m,), from the smaller Gram matrix."""
    rows, columns = matrix.shape
    if rows <= columns:
        left = np.linalg.eigh(matrix @ matrix.T)[1][:, -1]
        return left, left @ matrix
    right = np.linalg.eigh(matrix.T @ matrix)[1][:, -1]
    scaled = matrix @ right
    norm = np.linalg.norm(scaled)
    if norm == 0:
        return np.eye(rows)[0], np.zeros(columns)
    return scaled / norm, norm * right


def pursuit(dictionary: Matrix, signals: Matrix, sparsity: int) -> Matrix:
    """Orthogonal matching pursuit for all signals at once.

    Args:
        dictionary: D, (n, N), unit columns.
        signals: Y, (n, M).
        sparsity: T; at most N and n are used.

    Returns:
        X, (N, M), at most T non-zeros per column.
    """
    steps = min(sparsity, *dictionary.shape)
    gram, inner = dictionary.T @ dictionary, dictionary.T @ signals
    everyone = np.arange(signals.shape[1])
    support = np.zeros((len(everyone), 0), dtype=np.int64)
    codes = np.zeros_like(inner)
    for _ in range(steps):
        correlation = np.abs(inner - gram @ codes)
        correlation[support, everyone[:, None]] = -1
        support = np.concatenate([support, correlation.argmax(axis=0)[:, None]], axis=1)
        small = gram[support[:, :, None], support[:, None, :]] + 1e-12 * np.eye(support.shape[1])
        values = np.linalg.solve(small, inner[support, everyone[:, None]][..., None])[..., 0]
        codes[support, everyone[:, None]] = values
    return codes


def _errors(signals: Matrix, dictionary: Matrix, codes: Matrix) -> Matrix:
    return ((signals - dictionary @ codes) ** 2).sum(axis=0)
