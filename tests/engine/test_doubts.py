"""Training and codes that make a number meaningless are found, and a training that works is not doubted."""

import math

import numpy as np
import pytest

from hashbench.engine.doubts import doubts
from hashbench.engine.encoding import EncodedSet
from hashbench.engine.state import TrainingState

LABELS = np.arange(40) % 4
CODES = (LABELS[:, None] * 16 + np.arange(40)[:, None] % 3).astype(np.uint8)


def encoded(codes=CODES, labels=LABELS, outputs=None):
    return EncodedSet(codes, np.zeros((4, 8)) if outputs is None else outputs, labels, np.empty((0, 0, 2)))


def history(*losses, **terms):
    return [
        {"epoch": epoch, "loss": loss, **terms, "lr": 0.1, "seconds": 1.0} for epoch, loss in enumerate(losses, start=1)
    ]


def found(losses=(), first=math.nan, query=None, database=None, mean_ap=0.8, chance=0.1, bits=8, records=None):
    state = TrainingState(history=records or history(*losses), first_loss=first)
    return doubts(state, query or encoded(), database or encoded(), bits=bits, mean_ap=mean_ap, chance=chance)


@pytest.mark.parametrize(
    ("losses", "first"),
    [
        ((), math.nan),  # a shallow method
        ((0.69,), math.nan),  # resumed from a checkpoint of an older version
        ((0.5, 0.4, 0.3), 0.7),
        ((0.5, 0.7), 0.9),  # the last epoch is worse than the first, and better than no training
        ((0.1, 0.1), 2.3),  # all is learned in the first epoch
        ((-3.0, -4.0), -1.0),
        ((0.65,), 0.7),
        ((1e6, 1e5), 1e7),  # a loss that adds over pairs
    ],
)
def test_a_loss_that_falls_is_not_doubted(losses, first):
    assert found(losses, first) == []


@pytest.mark.parametrize(
    ("losses", "first", "words"),
    [
        ((0.693, 0.693, 0.693), 0.694, "did not fall in training: 0.694 in the first step, 0.693 in epoch 3"),
        ((0.7, 5.0), 0.7, "did not fall"),
        ((2.3,), 2.3, "did not fall"),
        ((-1.0, -1.001), -1.0, "did not fall"),
        ((0.0, 0.0), 0.0, "did not fall"),
        ((1e24,), 3.0, "the loss is 1e+24 in epoch 1: training has diverged; lower optimizer.lr (now 0.1)"),
        ((3e30, -1e24), 1e33, "the loss is -1e+24 in epoch 2"),
    ],
)
def test_a_loss_that_stays_or_is_out_of_all_bounds_is_said(losses, first, words):
    (said,) = found(losses, first)
    assert words in said


def test_a_loss_with_a_term_more_than_in_the_first_epoch_is_not_compared():
    records = [*history(0.2, centre=0.2, pair=0.0), {**history(0.1, 1.4, centre=0.1, pair=1.3)[1]}]
    assert found(records=records, first=0.3) == []


def test_equal_codes_are_said_of_queries_and_database():
    same = encoded(np.full_like(CODES, 7))
    assert found(query=same) == ["the 40 query codes are all equal"]
    assert found(database=same) == ["the 40 database codes are all equal"]
    assert len(found(query=same, database=same)) == 2
    assert found(query=encoded(CODES[:1], LABELS[:1])) == []


def test_vectors_without_codes_are_looked_at_too():
    vectors = encoded(None, outputs=np.random.default_rng(0).normal(size=(40, 3)))
    assert found(query=vectors, database=vectors) == []
    same = encoded(None, outputs=np.ones((40, 3)))
    assert found(query=vectors, database=same) == ["the 40 database vectors are all equal"]


def test_fewer_codes_than_classes_are_said_unless_there_are_no_more():
    two = encoded((LABELS[:, None] > 1).astype(np.uint8))
    assert found(database=two) == ["40 database items have 2 codes, fewer than their 4 classes"]
    assert found(database=two, bits=1) == []
    hot = encoded((LABELS[:, None] > 1).astype(np.uint8), np.eye(4, dtype=np.uint8)[LABELS])
    assert len(found(database=hot)) == 1


@pytest.mark.parametrize(
    ("mean_ap", "chance", "doubted"),
    [
        (0.101, 0.1, True),
        (0.08, 0.1, True),
        (0.13, 0.1, False),
        (0.03, 0.01, False),
        (0.52, 0.5, True),
        (0.6, 0.5, False),
        (1.0, 1.0, True),
        (0.999, 0.97, False),
    ],
)
def test_a_map_of_random_codes_is_said(mean_ap, chance, doubted):
    assert bool(found(mean_ap=mean_ap, chance=chance)) is doubted
