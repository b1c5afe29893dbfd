"""Labels, and numbers that say how much, in every form that files bring them in: one meaning each, or one line."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from hashbench.evaluation import EvaluationInputError, HammingCounter, bootstrap, evaluate, pack_codes, unpack_codes
from hashbench.evaluation.conventions import Convention, conventional_map
from hashbench.evaluation.cosine import evaluate_cosine
from hashbench.evaluation.ranking import Ranking
from hashbench.evaluation.search import HammingSearch

RNG = np.random.default_rng(0)
QUERIES, DATABASE = RNG.random((7, 12)) < 0.5, RNG.random((60, 12)) < 0.5
OF_QUERIES, OF_DATABASE = RNG.integers(0, 3, 7), RNG.integers(0, 3, 60)
WORDS = np.array(["owl", "cat", "a dog"])


def measured(of_queries, of_database, **options):
    return evaluate(QUERIES, DATABASE, of_queries, of_database, **options).metrics


@pytest.mark.parametrize(
    "form",
    [
        lambda ids: ids[:, None],
        lambda ids: ids[None, :],
        lambda ids: ids.astype(np.float32),
        lambda ids: ids[:, None] * 1.0,
        lambda ids: ids.tolist(),
        lambda ids: torch.from_numpy(ids)[:, None],
        lambda ids: ids.astype(np.uint64) + 2**63 - 3,
        lambda ids: WORDS[ids],
        lambda ids: np.char.encode(WORDS)[ids],
        lambda ids: np.char.add(WORDS[ids], "  ")[:, None],
        lambda ids: np.eye(3)[ids],
        lambda ids: 2 * np.eye(3, dtype=np.int8)[ids] - 1,
    ],
)
@pytest.mark.parametrize("ties", ["expected", "index"])
def test_every_form_of_labels_gives_the_value_of_the_ids(form, ties, monkeypatch):
    monkeypatch.setattr("hashbench.evaluation.kernel.CpuBackend.chunk", 16)
    monkeypatch.setattr("hashbench.evaluation.database_order._CHUNK", 16)
    plain = measured(OF_QUERIES, OF_DATABASE, topk=5, ties=ties)
    assert measured(form(OF_QUERIES), form(OF_DATABASE), topk=5, ties=ties) == plain


@pytest.mark.parametrize("column", [False, True])
def test_two_ids_of_any_name_give_one_value(column):
    """0 is an id like any other, also where it could be read as 'has no label'."""
    plain = measured(OF_QUERIES == 1, OF_DATABASE == 1)
    for low, high in ((0, 1), (-1, 1), (0.0, 1.0), (4, 2)):
        ids = [np.where(labels == 1, high, low) for labels in (OF_QUERIES, OF_DATABASE)]
        assert measured(*(a[:, None] if column else a for a in ids)) == plain


def test_words_and_signs_that_no_query_has_are_relevant_to_none():
    assert measured(WORDS[OF_QUERIES // 2], WORDS[OF_DATABASE]) == measured(OF_QUERIES // 2, OF_DATABASE)
    ones = np.ones(7, dtype=int)
    assert measured(ones, np.where(OF_DATABASE == 1, 1, -1)) == measured(ones, OF_DATABASE == 1)


def test_vectors_are_judged_by_the_same_labels():
    vectors = RNG.normal(size=(60, 4))
    plain = evaluate_cosine(vectors[:7], vectors, OF_QUERIES, OF_DATABASE).metrics
    assert evaluate_cosine(vectors[:7], vectors, WORDS[OF_QUERIES], WORDS[OF_DATABASE][:, None]).metrics == plain


def test_counters_of_queries_with_other_words_are_not_merged():
    first, second = (HammingCounter(QUERIES, names[OF_QUERIES]) for names in (WORDS, np.array(["p", "a", "b"])))
    with pytest.raises(EvaluationInputError, match="different queries"):
        first.merge(second)


@pytest.mark.parametrize(
    ("of_queries", "of_database", "message"),
    [
        (OF_QUERIES * 1e19, OF_DATABASE * 1e19, "as float64, which cannot tell such ids apart"),
        (OF_QUERIES + 2.0**53, OF_DATABASE * 1.0, "cannot tell such ids apart: give integers or words"),
        ((OF_QUERIES + 2**24).astype("f4"), OF_DATABASE, "as float32, which cannot tell"),
        (OF_QUERIES + 0.5, OF_DATABASE, r"query labels hold \d.5: class ids are whole numbers"),
        (OF_QUERIES, OF_DATABASE * np.nan, "database labels hold nan: class ids are whole numbers"),
        (OF_QUERIES, np.where(OF_DATABASE, np.inf, 0), "class ids are whole numbers"),
        (OF_QUERIES.astype(np.uint64) + 2**63, OF_DATABASE, "query labels hold the id 9223372036854775"),
        (OF_QUERIES - 1, OF_DATABASE, "query labels hold the negative id -1"),
        (OF_QUERIES, np.where(OF_DATABASE, 1, -1), "database labels hold the negative id -1: .* -1 and [+]1 alone"),
        (np.where(OF_QUERIES, 1, -1), OF_DATABASE, "query labels are -1 and [+]1, database labels hold others"),
        (WORDS[OF_QUERIES], OF_DATABASE, "query labels are words, database labels class ids"),
        (OF_QUERIES, WORDS[OF_DATABASE], "query labels are class ids, database labels words"),
        (WORDS[OF_QUERIES], np.eye(3)[OF_DATABASE], "query labels are words, database labels multi-hot with 3"),
        (np.full((7, 2), "a"), OF_DATABASE, "query labels are words of shape"),
        (np.full(7, b"\xff"), OF_DATABASE, "bytes that are no UTF-8"),
        (np.eye(3)[OF_QUERIES] - np.eye(3)[::-1][OF_QUERIES], np.eye(3)[OF_DATABASE], "-1, 0 and 1 together"),
        (np.empty((7, 0)), OF_DATABASE, r"query labels are float64 of shape \(7, 0\)"),
        (np.array(3), OF_DATABASE, r"query labels are int64 of shape \(\)"),
        (OF_QUERIES, 3, r"database labels are int64 of shape \(\)"),
        (OF_QUERIES, OF_DATABASE[None, :-1], "database labels are 1, their codes 60"),
        (OF_QUERIES.astype(object), OF_DATABASE, "query labels are object"),
    ],
)
def test_labels_that_could_be_read_wrongly_are_refused(of_queries, of_database, message):
    with pytest.raises(EvaluationInputError, match=message) as caught:
        measured(of_queries, of_database)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 300


# --- how much

NUMBERS = [np.int64, np.uint8, np.float32, float, np.array, lambda n: np.array([[n]]), torch.tensor]


@pytest.mark.parametrize("kind", NUMBERS)
def test_whole_numbers_of_any_kind_are_numbers(kind):
    packed = [pack_codes(codes) for codes in (QUERIES, DATABASE)]
    plain = evaluate(*packed, OF_QUERIES, OF_DATABASE, bits=12, topk=[5], radii=[2])
    found = evaluate(*packed, OF_QUERIES, OF_DATABASE, bits=kind(12), topk=[kind(5)], radii=[kind(2)])
    assert found.metrics == plain.metrics
    assert evaluate(*packed, OF_QUERIES, OF_DATABASE, bits=12, topk=kind(5), radii=kind(2)).metrics == plain.metrics
    ranking = Ranking(plain.counts)
    np.testing.assert_array_equal(ranking.precision_at(kind(5)), ranking.precision_at(5))
    np.testing.assert_array_equal(plain.counts.within(kind(2)).hits, plain.counts.within(2).hits)
    np.testing.assert_array_equal(unpack_codes(packed[0], kind(12)), QUERIES)
    search = HammingSearch(packed[1], kind(12))
    np.testing.assert_array_equal(search.nearest(packed[0][0], kind(5)).items, search.nearest(packed[0][0], 5).items)
    values = plain.per_query["ap"]
    assert bootstrap(values, samples=kind(50)) == bootstrap(values, samples=50)
    case = QUERIES, DATABASE, OF_QUERIES, OF_DATABASE
    assert conventional_map(*case, Convention(), topk=kind(5)) == conventional_map(*case, Convention(), topk=5)


def test_arrays_of_numbers_are_several():
    names = set(measured(OF_QUERIES, OF_DATABASE, topk=np.array([5.0, 10.0]), radii=range(2)))
    assert {"map@5", "map@10", "precision@r0", "precision@r1"} <= names


@pytest.mark.parametrize("value", [2.5, np.nan, np.inf, True, "5", None, [[1, 2]], 1j, {}, [None]])
@pytest.mark.parametrize("option", ["topk", "radii", "bits"])
def test_what_is_no_whole_number_is_refused(option, value):
    if option == "bits" and value is None:
        return  # unpacked codes
    with pytest.raises(EvaluationInputError, match=f"{option} is .*whole number") as caught:
        measured(OF_QUERIES, OF_DATABASE, **{option: value if option == "bits" else [value]})
    assert "\n" not in str(caught.value)


# --- codes


@pytest.mark.parametrize("bits", [12, 16])
@pytest.mark.parametrize(
    "form",
    [
        lambda packed: packed.view(np.int8),
        lambda packed: packed.view(np.int8).astype(np.int32),
        lambda packed: packed.astype(np.int64),
        lambda packed: packed.astype(np.float64),
        lambda packed: torch.from_numpy(packed),
    ],
)
def test_packed_bytes_of_any_type_are_the_same_bytes(bits, form):
    codes = [RNG.random((rows, bits)) < 0.5 for rows in (7, 60)]
    packed = [form(pack_codes(one)) for one in codes]
    labels = OF_QUERIES, OF_DATABASE
    assert evaluate(*packed, *labels, bits=bits).metrics == evaluate(*codes, *labels).metrics


@pytest.mark.parametrize(
    ("codes", "bits", "message"),
    [
        (DATABASE * np.uint8(255), None, "if 0 and 255 are the two levels, give codes == 255; if .* bytes, pass bits="),
        (DATABASE * np.uint8(255), 12, "leave bits= out for unpacked codes"),
        (DATABASE * 2, None, "if 0 and 2 are the two levels, give codes == 2"),
        (DATABASE + 1, None, "if 1 and 2 are the two levels, give codes == 2"),
        (np.arange(60, dtype=np.int8).reshape(-1, 2), None, "pass bits= if they are packed bytes"),
        (np.arange(-200, 200).reshape(-1, 2), None, r"binarize\(\) continuous outputs first"),
        (np.arange(-200, 200).reshape(-1, 2), 16, "from -200 to 199: packed bytes are 0 to 255"),
        (np.array([[1.5, 2.0]]), 16, "float64 from 1.5 to 2.0"),
        (np.array([[np.nan, 2.0]]), 16, "float64 from nan"),
        (np.array([["a", "b"]]), 16, "<U1 of shape"),
        (np.packbits(DATABASE, axis=1) | np.uint8(128), 9, "numpy.packbits with bitorder='little'"),
    ],
)
def test_the_advice_about_codes_does_not_lead_in_a_circle(codes, bits, message):
    with pytest.raises(EvaluationInputError, match=message) as caught:
        HammingCounter(codes, np.zeros(len(codes), dtype=int), bits=bits)
    assert len(str(caught.value)) < 300
