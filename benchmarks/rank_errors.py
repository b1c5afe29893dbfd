"""How often the tests behind the leaderboard's ranks separate equal methods: see `hashbench.results.statistics`.

    python benchmarks/rank_errors.py [--rounds 60]

Methods are equal over all trainings and queries; a value is a draw of the method's training, plus one of the method's
luck with the query, plus noise. Three trainings, 200 queries. Prints, for the share of the variance of a method's mean
that comes of its trainings, how often a pair is separated as a multiple of the level: of one pair, and of the pairs of
7 and of 31 methods after a correction for their number (Bonferroni's, where Holm's begins). 1 is exact, more claims too
much.
"""

from __future__ import annotations

import argparse

import numpy as np

from hashbench.results.statistics import LEVEL, welch

SEEDS, QUERIES, METHODS = 3, 200, 150
SHARES = (0.0, 0.1, 0.2, 0.5, 0.8, 0.95)
PAIRS = (1, 7 * 6 // 2, 31 * 30 // 2)


def p_values(rng: np.random.Generator, share: float) -> tuple[np.ndarray, np.ndarray]:
    """Of all pairs of equal methods: over seeds alone, and with the queries added."""
    luck = rng.normal(0, np.sqrt((1 - share) * QUERIES), (METHODS, QUERIES))
    training = rng.normal(0, np.sqrt(share * SEEDS), (METHODS, SEEDS))
    noise = rng.normal(0, 0.05, (METHODS, SEEDS, QUERIES))
    values = training[:, :, None] + luck[:, None, :] + noise
    means = values.mean(axis=2)
    over_seeds = means.mean(axis=1), means.var(axis=1, ddof=1), np.full(METHODS, SEEDS)
    pairs = np.triu_indices(METHODS, k=1)
    return welch(*over_seeds)[pairs], welch(*over_seeds, values.mean(axis=1))[pairs]


def main() -> None:
    """Simulate and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=60)
    rounds = parser.parse_args().rounds
    rng = np.random.default_rng(0)
    print(f"{'trainings':>9} {'pairs':>6} {'seeds alone':>12} {'with queries':>13} {'both':>6}")
    for share in SHARES:
        drawn = [p_values(rng, share) for _ in range(rounds)]
        seeds, queries = (np.concatenate(p) for p in zip(*drawn, strict=True))
        for pairs in PAIRS:
            level = LEVEL / pairs
            found = [float(np.mean(p <= level) / level) for p in (seeds, queries, np.maximum(seeds, queries))]
            print(f"{share:9.0%} {pairs:6} {found[0]:12.1f} {found[1]:13.2f} {found[2]:6.2f}")


if __name__ == "__main__":
    main()
