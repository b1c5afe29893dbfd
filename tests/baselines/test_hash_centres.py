"""Bounds on the distance of codewords, and hash centres that keep it."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from hashbench.errors import UserError
from hashbench_baselines import codewords, lp_box
from hashbench_baselines.codewords import first_of_equals, smallest_distance
from hashbench_baselines.distance_bounds import ball, guaranteed_distance, target_distance
from hashbench_baselines.hash_centres import (
    admm_word,
    distances,
    hadamard_centres,
    minimal_distance_centres,
    quality,
    scattered,
    separate,
)

KNOWN = {
    10: {16: (5, 6, 10), 32: (12, 13, 24), 48: (20, 21, 40), 64: (27, 28, 54)},
    21: {16: (5, 6, 10), 32: (11, 12, 22), 48: (18, 19, 36), 64: (25, 26, 50)},
    100: {16: (3, 4, 6), 32: (9, 10, 18), 48: (16, 17, 32), 64: (23, 24, 46)},
}


def largest_distance(bits, words):
    """The largest d <= K that the Hamming bound does not exclude: C V(K, floor((d - 1) / 2)) <= 2^K."""
    return max(d for d in range(1, bits + 1) if words * ball(bits, (d - 1) // 2) <= 1 << bits)


@pytest.mark.parametrize("words", KNOWN)
def test_distances_of_the_paper(words):
    for bits, expected in KNOWN[words].items():
        bounds = guaranteed_distance(bits, words), target_distance(bits, words), largest_distance(bits, words)
        assert bounds == expected


def test_ball_counts_words():
    words = list(itertools.product((0, 1), repeat=6))
    for radius in range(-1, 7):
        assert ball(6, radius) == sum(sum(word) <= radius for word in words)


def test_bounds_are_exact_where_floats_are_not():
    # V(200, 199) = 2^200 - 1: in floats it equals 2^200, and 200 would be refused as a distance for one word
    assert guaranteed_distance(200, 1) == 200
    assert target_distance(4, 1) == 4


def test_too_many_words_are_refused():
    assert guaranteed_distance(4, 16) == 1
    with pytest.raises(UserError, match=r"17 classes .* 4 bits give 16: take at least 5 bits"):
        target_distance(4, 17)


@pytest.mark.parametrize("bits", [16, 32, 64])
def test_hadamard_rows_are_half_the_bits_apart_and_a_row_and_its_negative_all(bits):
    rng = np.random.default_rng(0)
    assert (distances(hadamard_centres(bits, bits, rng)) == bits // 2).all()
    both = distances(hadamard_centres(bits, 2 * bits, rng))
    assert set(both.tolist()) == {bits // 2, bits}
    assert (both == bits).sum() == bits
    topped = hadamard_centres(bits, 2 * bits + 3, rng)
    assert (topped[2 * bits :].sum(axis=1) == 0).all()


@pytest.mark.parametrize("bits", [16, 32, 48, 64])
def test_centres_of_ten_classes_reach_the_distance(bits):
    centres = minimal_distance_centres(bits, 10, np.random.default_rng(1))
    assert centres.shape == (10, bits)
    assert set(np.unique(centres)) == {-1.0, 1.0}
    assert distances(centres).min() >= target_distance(bits, 10)
    assert np.array_equal(centres, minimal_distance_centres(bits, 10, np.random.default_rng(1)))


def test_without_admm_the_search_separates_what_it_can():
    centres = minimal_distance_centres(12, 21, np.random.default_rng(0), sweeps=0)
    assert distances(centres).min() >= guaranteed_distance(12, 21)


def test_an_impossible_target_falls_back_to_the_guaranteed_distance():
    assert target_distance(4, 10) == 2  # no code of 4 bits has more than 8 words 2 apart
    centres = minimal_distance_centres(4, 10, np.random.default_rng(0), sweeps=0)
    assert distances(centres).min() == guaranteed_distance(4, 10) == 1


def test_admm_moves_a_word_that_is_too_near_and_keeps_one_that_is_not_improved():
    rng = np.random.default_rng(0)
    others = hadamard_centres(16, 6, rng)
    moved = admm_word(others[0].copy(), others, 6, rng)
    assert (16 - others @ moved).min() / 2 >= 6
    far = -others[0]
    kept = admm_word(far, others[:1], 6, rng)
    assert np.array_equal(kept, far)


def test_search_by_single_bits_separates_random_words():
    rng = np.random.default_rng(0)
    start = rng.choice([-1.0, 1.0], size=(12, 20))
    found = separate(start, 7, rng)
    assert distances(start).min() < 7 <= distances(found).min()
    assert quality(found, 7) > quality(start, 7)
    assert np.array_equal(separate(found, 7, rng), found)


@pytest.mark.parametrize(("bits", "words"), [(6, 10), (16, 100), (32, 30)])
def test_scattered_words_keep_the_guaranteed_distance(bits, words):
    distance = guaranteed_distance(bits, words)
    centres = scattered(bits, words, distance, np.random.default_rng(0))
    assert centres.shape == (words, bits)
    assert distances(centres).min() >= distance


def slow_lp_box(word, others, distance, y1, y2, y3):
    """ADMM as MDSHC's section 3.2 has it, one line an update."""
    bits, limit, centre = len(word), len(word) - 2 * distance, others.mean(axis=0)
    left = np.linalg.inv(2 * np.eye(bits) + others.T @ others)
    z1, z2, z3, rho = word, word, np.maximum(limit - others @ word, 0), 1e-5
    for _ in range(400):
        if rho >= 1e7:
            break
        for _ in range(10):
            x = left @ (z1 + z2 + (limit - z3) @ others - (y1 + y2 + y3 @ others + centre) / rho)
            z1 = np.minimum(np.maximum(x + y1 / rho, -1), 1)
            z2 = np.sqrt(bits) * (x + y2 / rho) / np.linalg.norm(x + y2 / rho)
            z3 = np.maximum(limit - others @ x - y3 / rho, 0)
            y1 = y1 + (1 + np.sqrt(5)) / 2 * rho * (x - z1)
            y2 = y2 + (1 + np.sqrt(5)) / 2 * rho * (x - z2)
            y3 = y3 + (1 + np.sqrt(5)) / 2 * rho * (others @ x + z3 - limit)
        if max(np.abs(x - z1).max(), np.abs(x - z2).max(), np.abs(others @ x + z3 - limit).max()) < 1e-6:
            break
        rho *= 1.09
    return x


@pytest.mark.parametrize(("bits", "words", "distance"), [(16, 7, 6), (12, 20, 4), (32, 40, 11)])
def test_compiled_admm_equals_a_slow_loop(bits, words, distance):
    rng = np.random.default_rng(0)
    centres = rng.choice([-1.0, 1.0], size=(words, bits))
    for i in range(3):
        others, start = np.delete(centres, i, axis=0), (rng.random(bits), rng.random(bits), rng.random(words - 1))
        expected = slow_lp_box(centres[i], others, distance, *start)
        found = lp_box.solve(centres[i], others, bits - 2.0 * distance, tuple(y.copy() for y in start))
        np.testing.assert_allclose(found, expected, atol=1e-6)


@pytest.mark.parametrize("pairs", [1 << 24, 100, 1])
def test_the_smallest_distance_is_that_of_all_pairs_whatever_the_size_of_a_block(pairs, monkeypatch):
    monkeypatch.setattr(codewords, "_PAIRS", pairs)
    rng = np.random.default_rng(0)
    for count, bits in [(2, 9), (30, 12), (31, 40), (7, 64)]:
        words = rng.choice([-1.0, 1.0], size=(count, bits))
        slow = min(int((a != b).sum()) for a, b in itertools.combinations(words, 2))
        assert smallest_distance(words) == slow
        assert smallest_distance(words, stop_at=slow) == slow
        assert smallest_distance(words, stop_at=bits) >= slow
    assert smallest_distance(rng.choice([-1.0, 1.0], size=(1, 9))) == 9


def test_each_word_is_kept_where_it_comes_first():
    words = np.random.default_rng(0).choice([-1.0, 1.0], size=(40, 4))
    seen, expected = set(), []
    for row, word in enumerate(words.tolist()):
        if tuple(word) not in seen:
            expected.append(row)
            seen.add(tuple(word))
    assert first_of_equals(words).tolist() == expected
    assert first_of_equals(np.ones((3, 70))).tolist() == [0]


def test_the_search_by_single_bits_knows_its_distances():
    """It keeps counts beside the words: what it returns is as far apart as the best that a recount finds on the way."""
    start = np.random.default_rng(2).choice([-1.0, 1.0], size=(14, 12))
    found = separate(
        start, 12, np.random.default_rng(3), flips_a_word=20
    )  # asks for the impossible, so never ends early
    assert smallest_distance(found) > smallest_distance(start)
    longer = separate(start, 12, np.random.default_rng(3), flips_a_word=40)
    assert smallest_distance(longer) >= smallest_distance(found)
