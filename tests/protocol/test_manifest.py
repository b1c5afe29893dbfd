"""Split entries of a protocol: shipped manifests, files, draws by fractions, splits that a table brings."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hashbench.catalog import SplitEntry, load_catalog
from hashbench.data.digits import Digits
from hashbench.data.published_list import read_published
from hashbench.errors import UserError
from hashbench.protocol import SplitError, load_split, read_manifest, shipped_manifests
from hashbench.protocol.stratified import class_quota

CATALOG = load_catalog()
ROWS = {"train": [0, 1, 2], "validation": [3, 4], "test": [5, 6]}
LABELS = np.arange(10) % 2


def entry(path, **more):
    return SplitEntry(manifest=str(path), sha256=read_manifest(str(path)).checksum, **more)


@pytest.fixture(params=["npz", "json"])
def save(request, tmp_path):
    def write(arrays):
        path = tmp_path / f"split.{request.param}"
        if request.param == "npz":
            np.savez(path, **{role: np.asarray(rows) for role, rows in arrays.items()})
        else:
            path.write_text(json.dumps(arrays))
        return path

    return write


def test_a_file_of_one_s_own(save, make_table):
    path = save(ROWS)
    split = load_split(entry(path, counts={"train": 3, "test": 2}), make_table(LABELS))
    assert {role: rows.tolist() for role, rows in split.arrays.items()} == {
        **ROWS,
        "database": [0, 1, 2],
        "validation_database": [0, 1, 2],
    }


def test_databases_may_be_given(save):
    split = read_manifest(str(save({**ROWS, "database": [7, 8, 9]})))
    assert split.database.tolist() == split.validation_database.tolist() == [7, 8, 9]
    split = read_manifest(str(save({**ROWS, "database": [7, 8, 9], "validation_database": [8]})))
    assert (split.validation_database.tolist(), split.database.tolist()) == ([8], [7, 8, 9])


def test_both_formats_have_one_checksum(tmp_path):
    np.savez(tmp_path / "a.npz", **{role: np.array(rows, dtype=np.uint8) for role, rows in ROWS.items()})
    (tmp_path / "a.json").write_text(json.dumps(ROWS))
    assert read_manifest(str(tmp_path / "a.npz")).checksum == read_manifest(str(tmp_path / "a.json")).checksum
    (tmp_path / "b.json").write_text(json.dumps(ROWS), encoding="utf-8-sig")  # as some editors save it
    assert read_manifest(str(tmp_path / "b.json")).checksum == read_manifest(str(tmp_path / "a.json")).checksum


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({**ROWS, "test": [2, 6]}, "train and test share 1 rows .first: 2"),
        ({**ROWS, "validation": [3, 3]}, "validation lists 1 rows more than once"),
        ({"train": [0], "test": [1]}, "validation missing"),
        ({}, "train, validation, validation_database, database, test missing"),
        ({**ROWS, "query": [7]}, r"unknown role 'query'\. .*Known: database, test, train"),
        ({**ROWS, "train": [0.5, 1.5]}, "train is float64 .* whole row numbers"),
        ({**ROWS, "train": [[0, 1]]}, "train is int64 .* whole row numbers"),
        ({**ROWS, "train": ["a"]}, "train is <U1 .* whole row numbers"),
    ],
)
def test_bad_content(save, arrays, message):
    with pytest.raises(UserError, match=message) as caught:
        read_manifest(str(save(arrays)))
    assert "split." in str(caught.value)


def test_declarations_are_compared(save, make_table):
    path = save(ROWS)
    with pytest.raises(SplitError, match=r"train has 3 rows, the protocol declares 4; test has 2 rows, .* declares 9"):
        load_split(entry(path, counts={"train": 4, "test": 9}), make_table(LABELS))
    with pytest.raises(SplitError, match="query has 0 rows, the protocol declares 1"):
        load_split(entry(path, counts={"query": 1}), make_table(LABELS))
    wrong = SplitEntry(manifest=str(path), sha256="0" * 64)
    with pytest.raises(SplitError, match=f"sha256 of the rows is {read_manifest(str(path)).checksum}, .* declares 000"):
        load_split(wrong, make_table(LABELS))


def test_rows_outside_the_table(save, make_table):
    with pytest.raises(SplitError, match=r"test names row 6, the table has 0\.\.5"):
        load_split(entry(save(ROWS)), make_table(LABELS[:6]))


def test_unreadable_files(tmp_path):
    with pytest.raises(UserError, match=r"none\.npz: there is no such file"):
        read_manifest(str(tmp_path / "none.npz"))
    for name, content in (
        ("a.npz", b""),
        ("b.npz", b"PK no zip"),
        ("c.json", b"{"),
        ("d.json", b"[1]"),
        ("e.json", b"\xff"),
    ):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(UserError, match=f"{name}: cannot be read") as caught:
            read_manifest(str(tmp_path / name))
        assert "\n" not in str(caught.value)


def test_objects_are_not_loaded(tmp_path):
    np.savez(tmp_path / "a.npz", train=np.array([{}]), **{k: v for k, v in ROWS.items() if k != "train"})
    with pytest.raises(UserError, match="cannot be read"):
        read_manifest(str(tmp_path / "a.npz"))


def test_misspelt_name_of_a_shipped_manifest():
    with pytest.raises(UserError, match=r"'cifar10-dualhas' is not in the package; Did you mean cifar10-dualhash"):
        read_manifest("cifar10-dualhas")


@pytest.mark.parametrize("name", list(shipped_manifests()))
def test_shipped_manifests_are_sound(name):
    entry = next(entry.split for entry in CATALOG.protocols.values() if entry.split.manifest == name)
    split = read_manifest(name, entry.allow)
    assert (split.name, split.checksum) == (name, entry.sha256)
    dataset = next(entry.dataset for entry in CATALOG.protocols.values() if entry.split.manifest == name)
    published = CATALOG.datasets[dataset].hparams.get("published")
    length = len(read_published(published)[0]) if published else {"digits": 1797}.get(dataset, 60_000)
    assert max(rows.max() for rows in split.arrays.values()) < length


def fractions(test=0.2, validation=0.1, seed=0, **more):
    return SplitEntry(fractions={"test": test, "validation": validation}, seed=seed, **more)


@settings(deadline=None, max_examples=30)
@given(
    sizes=st.lists(st.integers(1, 40), min_size=1, max_size=6).filter(lambda sizes: sum(sizes) >= 20),
    test=st.floats(0.1, 0.4),
    validation=st.floats(0.1, 0.4),
    seed=st.integers(0, 2**40),
)
def test_fractions_are_drawn_by_class(sizes, test, validation, seed):
    import torch

    from hashbench.data import DataTable

    labels = torch.from_numpy(np.random.RandomState(0).permutation(np.repeat(np.arange(len(sizes)), sizes)))
    table = DataTable("mine", torch.zeros(len(labels), 1), labels, len(sizes))
    split = load_split(fractions(test, validation, seed), table)
    total = len(labels)
    assert split.counts["test"] == round(test * total)
    assert split.counts["validation"] == round(validation * total)
    roles = [split.train, split.validation, split.test]
    assert sorted(np.concatenate(roles).tolist()) == list(range(total))
    np.testing.assert_array_equal(split.database, split.train)
    np.testing.assert_array_equal(split.validation_database, split.train)
    share = np.bincount(labels[split.test], minlength=len(sizes))
    assert (abs(share - split.counts["test"] * np.array(sizes) / total) < 1).all()


def test_seed_decides_the_draw(make_table):
    table = make_table(np.arange(100) % 4)
    assert load_split(fractions(seed=1), table).checksum == load_split(fractions(seed=1), table).checksum
    assert load_split(fractions(seed=1), table).checksum != load_split(fractions(seed=2), table).checksum


def test_drawn_split_of_digits_is_frozen():
    """numpy promises that RandomState's stream never changes; so does the way it is used here."""
    split = load_split(fractions(), Digits().load())
    assert split.checksum == "40ddea1a2f611fa655dd340c36a760be422446e398b60c470632dae00628f3ea"


def test_multi_hot_is_drawn_plainly(make_table):
    split = load_split(fractions(), make_table(np.random.RandomState(0).random((50, 5)) < 0.4))
    assert split.counts == {"train": 35, "validation": 5, "validation_database": 35, "database": 35, "test": 10}


@pytest.mark.parametrize(
    "wrong", [{"test": 0.2}, {"validation": 0.2}, {"test": 0.5, "validation": 0.5}, {"test": 0, "validation": 0.1}, {}]
)
def test_bad_fractions(make_table, wrong):
    with pytest.raises(UserError, match="need both test and validation, above 0"):
        load_split(SplitEntry(fractions=wrong), make_table(LABELS))


def test_fractions_that_leave_a_role_empty(make_table):
    with pytest.raises(SplitError, match="validation has no rows"):
        load_split(fractions(validation=0.01), make_table(LABELS))


def test_declared_counts_hold_for_draws_too(make_table):
    with pytest.raises(SplitError, match="test has 2 rows, the protocol declares 3"):
        load_split(fractions(counts={"test": 3}), make_table(LABELS))


def test_table_s_own_split_is_used(make_table):
    own = {"train": [0, 1, 2, 3], "validation": [4, 5], "database": [0, 1, 2, 3, 6], "test": [8, 9]}
    split = load_split(fractions(), make_table(LABELS, split={role: np.array(rows) for role, rows in own.items()}))
    for role, rows in own.items():
        assert getattr(split, role).tolist() == rows
    assert split.validation_database.tolist() == own["database"]


@pytest.mark.parametrize("database", [None, list(range(40))], ids=["train", "larger"])
def test_validation_is_split_off_the_table_s_training_rows(make_table, database):
    own = {"train": np.arange(20), "test": np.arange(40, 50)}
    if database:
        own["database"] = np.array(database)
    labels = np.arange(50) % 2
    split = load_split(fractions(validation=0.2), make_table(labels, split=own))
    assert split.test.tolist() == list(range(40, 50))
    assert np.bincount(labels[split.validation]).tolist() == [2, 2]
    assert sorted([*split.train, *split.validation]) == list(range(20))
    assert not set(split.validation) & set(split.validation_database)
    assert split.database.tolist() == (database or split.train.tolist())
    assert set(split.validation_database) == set(split.database) - set(split.validation)


def test_table_s_own_split_must_have_queries(make_table):
    with pytest.raises(UserError, match="the split that mine brings has no test"):
        load_split(fractions(), make_table(LABELS, split={"train": np.arange(5)}))


@pytest.mark.parametrize("role", ["train", "test"])
def test_part_without_rows_is_as_one_that_is_missing(make_table, role):
    own = {"train": np.arange(4), "test": np.arange(4, 6)} | {role: np.arange(0)}
    with pytest.raises(UserError, match=f"the split that mine brings has no {role}"):
        load_split(fractions(), make_table(LABELS, split=own))


def test_roles_of_a_table_s_own_split_are_known(make_table):
    rows = {"train": np.arange(5), "test": np.arange(5, 9)}
    with pytest.raises(UserError, match=r"the split that mine brings: unknown role 'valid'\. Did you mean validation"):
        load_split(fractions(), make_table(LABELS, split={**rows, "valid": np.array([9])}))
    with pytest.raises(UserError, match=r"the split that mine brings: train is bool \(10,\); give a list of whole row"):
        load_split(fractions(), make_table(LABELS, split={**rows, "train": np.ones(10, dtype=bool)}))


def test_table_s_own_split_is_checked(make_table):
    with pytest.raises(SplitError, match=r"train and test share 1 rows .first: 4"):
        load_split(fractions(), make_table(LABELS, split={"train": np.arange(5), "test": np.arange(4, 9)}))
    with pytest.raises(SplitError, match=r"test names row 10, the table has 0\.\.9"):
        load_split(fractions(validation=0.3), make_table(LABELS, split={"train": np.arange(5), "test": np.array([10])}))


def test_manifest_comes_before_the_table_s_own_split(tmp_path, make_table):
    np.savez(tmp_path / "a.npz", **ROWS)
    table = make_table(LABELS, split={"train": np.arange(5), "test": np.arange(5, 9)})
    assert load_split(entry(tmp_path / "a.npz"), table).test.tolist() == ROWS["test"]


@settings(deadline=None)
@given(st.lists(st.integers(0, 50), min_size=1, max_size=8).filter(any), st.data())
def test_quota(sizes, data):
    total = data.draw(st.integers(0, sum(sizes)))
    quota = class_quota(np.array(sizes), total)
    assert quota.sum() == total
    assert (quota <= sizes).all()
    assert (abs(quota - total * np.array(sizes) / sum(sizes)) < 1).all()
