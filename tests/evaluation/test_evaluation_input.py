"""Codes are read in every form that is offered; whatever cannot be evaluated is refused with one line that says why."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from hashbench.evaluation import (
    EvaluationInputError,
    HammingCounter,
    binarize,
    bootstrap,
    code_quality,
    evaluate,
    evaluate_counts,
    pack_codes,
    paired_bootstrap,
    unpack_codes,
)
from hashbench.evaluation.conventions import Convention
from hashbench.evaluation.ranking import Ranking

# Queries and database are one set in most calls.
pytestmark = pytest.mark.filterwarnings("ignore:queries and database are the same items")

BITS = np.array([[0, 1, 1], [1, 0, 1], [1, 1, 1], [0, 0, 0]])
IDS = np.array([0, 1, 0, 1])
ONE_HOT = np.eye(2, dtype=int)[IDS]


def with_defaults(**changes):
    """evaluate() on good input, but for the changes."""
    arguments = {"query_codes": BITS, "database_codes": BITS, "query_labels": IDS, "database_labels": IDS}
    return evaluate(**(arguments | changes))


def test_zero_binarizes_to_one():
    outputs = torch.tensor([[-0.5, 0.0, -0.0, 2.0]], dtype=torch.bfloat16, requires_grad=True)
    np.testing.assert_array_equal(binarize(outputs), [[False, True, True, True]])


def test_packing_is_little_endian():
    codes = np.zeros((1, 10))
    codes[0, [0, 9]] = 1
    np.testing.assert_array_equal(pack_codes(codes), [[1, 2]])


@given(st.integers(1, 70), st.integers(0, 20), st.integers(0, 2**32 - 1))
def test_unpacking_inverts_packing(bits, items, seed):
    codes = np.random.default_rng(seed).random((items, bits)) < 0.5
    packed = pack_codes(codes)
    assert packed.shape == (items, (bits + 7) // 8)
    np.testing.assert_array_equal(unpack_codes(packed, bits), codes)


@pytest.mark.parametrize(
    "form", [lambda b: b == 1, lambda b: 2 * b - 1, lambda b: b.astype(np.float16), lambda b: b * 1.0]
)
def test_all_forms_of_codes_are_one(form):
    assert with_defaults(query_codes=form(BITS), database_codes=form(BITS)).metrics == with_defaults().metrics


def test_labels_as_ids_and_as_one_hot_are_one():
    assert with_defaults(query_labels=ONE_HOT, database_labels=ONE_HOT * 1.0).metrics == with_defaults().metrics


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"query_codes": BITS - 1}, "query codes hold"),
        ({"query_codes": BITS + 1}, "query codes hold the value 2: codes have two levels"),
        (
            {"database_codes": BITS * 0.7},
            r"hold the value 0.7: .*if 0.0 and 0.7 are the two levels, give codes == 0.7$",
        ),
        ({"database_codes": BITS - 0.3}, "database codes hold the value -0.3.*binarize"),
        ({"database_codes": np.where(BITS, np.nan, 1.0)}, "database codes hold the value nan"),
        ({"query_codes": np.array([[-1, 0, 1]] * 4)}, "-1, 0 and 1 together"),
        ({"query_codes": pack_codes(BITS)}, "pass bits= if they are packed"),
        ({"query_codes": BITS.astype(str)}, "query codes have type <U"),
        ({"query_codes": BITS[0]}, r"query codes have shape \(3,\)"),
        ({"database_codes": np.array(1)}, r"database codes have shape \(\)"),
        ({"database_codes": 1}, r"database codes have shape \(\)"),
        ({"query_codes": np.empty((4, 0))}, "K of at least 1"),
        ({"database_codes": np.ones((4, 5))}, "query codes have 3 bits, database codes 5"),
        ({"bits": 3}, r"query codes are int64 of shape \(4, 3\): 3 bits packed are uint8 of shape \(N, 1\)"),
        ({"query_codes": np.full((4, 1), 8, np.uint8), "bits": 3}, "bits set beyond bit 3"),
        ({"bits": 0}, "bits is 0: it counts bits of a code, so give 1 or more"),
        ({"query_labels": None}, "query labels are missing"),
        ({"database_labels": None}, "database labels are missing"),
        ({"query_labels": IDS[:3]}, "query labels are 3, their codes 4"),
        ({"database_labels": IDS[:3]}, "database labels are 3, their codes 4"),
        ({"query_labels": -IDS}, "query labels hold the negative id -1"),
        ({"query_labels": IDS * 0.5}, "query labels hold 0.5: class ids are whole numbers"),
        ({"query_labels": IDS.astype(str)}, "query labels are words, database labels class ids"),
        ({"query_labels": IDS.astype(complex)}, "query labels are complex128"),
        ({"query_labels": ONE_HOT * 2}, "query labels hold the value 2"),
        ({"query_labels": ONE_HOT}, "query labels are multi-hot with 2 classes, database labels class ids"),
        ({"query_labels": ONE_HOT, "database_labels": np.eye(3, dtype=int)[IDS]}, "with 2 classes, .* with 3 classes"),
        ({"query_codes": BITS[:0], "query_labels": IDS[:0]}, "there are no query codes"),
        ({"database_codes": BITS[:0], "database_labels": IDS[:0]}, "the database is empty"),
        ({"database_labels": IDS + 5}, "no query has a relevant item"),
        ({"ties": "first"}, "ties is 'first': choose one of expected, best, worst, index"),
        ({"denominator": "R"}, "denominator is 'R': choose one of retrieved, capped, all"),
        ({"topk": [0]}, "topk is 0: it counts items"),
        ({"radii": [-1]}, "radii is -1: it counts bits"),
        ({"device": "abacus"}, "device abacus cannot be used"),
    ],
)
def test_bad_input_is_refused_with_one_line(changes, message):
    with pytest.raises(EvaluationInputError, match=message) as caught:
        with_defaults(**changes)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: binarize(np.array([[np.nan]])), "NaN"),
        (lambda: code_quality(), "nothing to judge"),
        (lambda: code_quality(np.ones((3, 2)), np.ones((2, 2))), r"outputs have shape \(3, 2\), the codes \(2, 2\)"),
        (lambda: code_quality(codes=np.ones((0, 2))), "no codes to judge"),
        (lambda: evaluate_counts(HammingCounter(BITS, IDS).counts), "the database is empty"),
        (lambda: evaluate_counts(with_defaults().counts, ties="index"), "database order"),
        (lambda: Ranking(with_defaults().counts).cut(0), "cut-off is 0"),
        (lambda: Ranking(with_defaults().counts).average_precision("first"), "order is 'first'"),
        (lambda: bootstrap(np.full(3, np.nan)), "no query has a value"),
        (lambda: bootstrap(np.ones(3), level=95), "level is 95"),
        (lambda: paired_bootstrap(np.ones(3), np.ones(4)), "same queries"),
        (lambda: Convention(without_hit="drop"), "without_hit is 'drop'"),
        (lambda: Convention(queries="some"), "queries is 'some'"),
    ],
)
def test_other_functions_refuse_bad_input(call, message):
    with pytest.raises(EvaluationInputError, match=message):
        call()
