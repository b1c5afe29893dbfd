"""Hash centres: one K-bit word per class, every two of them at least d bits apart, and far apart on average.

    minimise sum_{i != j} <h_i, h_j>   subject to   <h_i, h_j> <= K - 2d,   h_i in {-1, +1}^K

`admm_centres` takes the words in turn and solves for one with the others fixed by lp-box ADMM, as MDSHC does (CVPR
2023, section 3.2). `separate` is a search by single bits for what ADMM leaves too close, and `scattered` the
construction behind the Gilbert-Varshamov bound, which cannot fail at the distance that the bound guarantees.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import hadamard

from hashbench_baselines import lp_box
from hashbench_baselines.distance_bounds import guaranteed_distance, target_distance

Centres = NDArray[np.float64]
"""(C, K) of -1 and +1."""


def distances(centres: Centres) -> NDArray[np.int64]:
    """Hamming distances of all pairs i < j: (C (C - 1) / 2,)."""
    inner = centres @ centres.T
    return np.rint((centres.shape[1] - inner[np.triu_indices(len(centres), 1)]) / 2).astype(np.int64)


def quality(centres: Centres, distance: int) -> tuple[int, float]:
    """What is maximised: the smallest distance as far as it is asked for, then mean + smallest - variance."""
    all_pairs = distances(centres)
    if not len(all_pairs):
        return distance, 0.0
    return min(int(all_pairs.min()), distance), float(all_pairs.mean() + all_pairs.min() - all_pairs.var())


def hadamard_centres(bits: int, words: int, rng: np.random.Generator) -> Centres:
    """Rows of the Hadamard matrix, then their negatives, then random words of K/2 ones; random bits if K is no power of
    2.

    The first K rows are K/2 apart, and a row and its negative K.
    """
    if bits & (bits - 1):
        return rng.choice([-1.0, 1.0], size=(words, bits))
    rows = hadamard(bits).astype(np.float64)
    centres = np.concatenate([rows, -rows])[:words]
    balanced = np.where(np.arange(bits) < bits // 2, -1.0, 1.0)
    more = [rng.permutation(balanced) for _ in range(words - len(centres))]
    return np.concatenate([centres, more]) if more else centres


def minimal_distance_centres(bits: int, words: int, rng: np.random.Generator, sweeps: int = 50) -> Centres:
    """Centres that reach `target_distance` where the search finds it, and `guaranteed_distance` always.

    Args:
        bits, words: K and C.
        rng: the only source of randomness.
        sweeps: sweeps of ADMM over all words, at most; see `admm_centres`.

    Raises:
        UserError: fewer than C different words of K bits exist.
    """
    wanted, sure = target_distance(bits, words), guaranteed_distance(bits, words)
    centres = admm_centres(hadamard_centres(bits, words, rng), wanted, rng, sweeps)
    if quality(centres, wanted)[0] < wanted:
        centres = max(centres, separate(centres, wanted, rng), key=lambda found: quality(found, wanted))
    if quality(centres, sure)[0] < sure:
        centres = scattered(bits, words, sure, rng)
    return centres


def admm_centres(centres: Centres, distance: int, rng: np.random.Generator, sweeps: int) -> Centres:
    """Cyclic optimisation: each word by `admm_word` against the others, until they are `distance` apart.

    Args:
        centres: where to start, (C, K); returned as they are if they are `distance` apart.
        distance: d.
        rng: draws the first multipliers.
        sweeps: at most so many passes over the words; three in a row without improvement are the last.

    Returns:
        The best by `quality` of the start and all sweeps.
    """
    best = present = centres.copy()
    stale = 0
    while sweeps > 0 and stale < 3 and quality(best, distance)[0] < distance:
        present = present.copy()
        for i in range(len(present)):
            present[i] = admm_word(present[i], np.delete(present, i, axis=0), distance, rng)
        improved = quality(present, distance) > quality(best, distance)
        best, stale = (present, 0) if improved else (best, stale + 1)
        sweeps -= 1
    return best


def admm_word(
    word: NDArray[np.float64], others: Centres, distance: int, rng: np.random.Generator
) -> NDArray[np.float64]:
    """One word against the others by lp-box ADMM; see `lp_box`.

    Args:
        word: (K,) of -1 and +1, where to start.
        others: H, (C - 1, K).
        distance: d.
        rng: draws the first multipliers.

    Returns:
        (K,) of -1 and +1: the signs of the solution if they are better than `word`, else `word`.
    """
    bits = len(word)
    multipliers = rng.random(bits), rng.random(bits), rng.random(len(others))
    x = lp_box.solve(word, others, bits - 2.0 * distance, multipliers)
    found = np.where(x >= 0, 1.0, -1.0)
    return max(word, found, key=lambda h: _separation(h, others, distance))


def _separation(word: NDArray[np.float64], others: Centres, distance: int) -> tuple[float, float]:
    apart = (len(word) - others @ word) / 2
    return min(apart.min(), distance), apart.mean() + apart.min() - apart.var()


def separate(centres: Centres, distance: int, rng: np.random.Generator, flips_a_word: int = 300) -> Centres:
    """Move words apart, one bit at a time, until every two are `distance` apart or `flips_a_word` C flips are made.

    Each flip is in a word that has a neighbour too near: the bit that lowers sum_{i < j} max(d - D_ij, 0)^2 the most,
    ties at random; now and then a random bit, to leave local minima.

    Returns:
        The best by `quality` on the way.
    """
    words, bits = centres.shape
    centres = centres.copy()
    apart = (bits - centres @ centres.T) / 2
    np.fill_diagonal(apart, np.inf)
    near = (apart < distance).sum(axis=1)  # of each word, how many others are too near
    at = np.bincount(apart[np.triu_indices(words, 1)].astype(np.int64), minlength=bits + 1)  # pairs by distance
    best, most = centres.copy(), np.argmax(at > 0)
    for _ in range(flips_a_word * words):
        candidates = np.flatnonzero(near)
        if not len(candidates):
            break
        i = rng.choice(candidates)
        same = centres * centres[i]  # +1 where a word agrees with word i: flipping that bit moves it one further away
        lack = (np.maximum(distance - (apart[i][:, None] + same), 0) ** 2).sum(axis=0)
        k = rng.integers(bits) if rng.random() < 0.05 else rng.choice(np.flatnonzero(lack == lack.min()))
        before, after = apart[i], apart[i] + same[:, k]
        near += (after < distance).astype(np.int64) - (before < distance)
        near[i] = (after < distance).sum()
        others = np.arange(words) != i
        at -= np.bincount(before[others].astype(np.int64), minlength=bits + 1)
        at += np.bincount(after[others].astype(np.int64), minlength=bits + 1)
        apart[i] = apart[:, i] = after
        centres[i, k] = -centres[i, k]
        if np.argmax(at > 0) > most:
            best, most = centres.copy(), np.argmax(at > 0)
    return best


def scattered(bits: int, words: int, distance: int, rng: np.random.Generator) -> Centres:
    """Random words, each kept if it is `distance` away from all kept before.

    At `guaranteed_distance` the words kept so far exclude at most the share 1 - 1/C of all words, so a try succeeds
    with probability 1/C or more and this ends.
    """
    kept = np.empty((0, bits))
    while len(kept) < words:
        tries = rng.choice([-1.0, 1.0], size=(4 * words, bits))
        for word in tries:
            if len(kept) < words and (kept @ word <= bits - 2 * distance).all():
                kept = np.concatenate([kept, word[None]])
    return kept
