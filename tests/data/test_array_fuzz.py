"""Files of arrays that anyone may have made, by seeded draws: a table or values, or one line; never a traceback."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pytest
import scipy.io

from hashbench.cli.code_files import ARRAYS, read_code_arrays
from hashbench.data.cifar100 import CIFAR100
from hashbench.data.features import Features
from hashbench.errors import UserError
from hashbench.evaluation import EvaluationInputError, evaluate
from hashbench.protocol import read_manifest
from hashbench.results.codes import RunCodes, read_codes, read_query_outputs

SHAPES = [
    (),
    (0,),
    (1,),
    (12,),
    (11,),
    (12, 1),
    (1, 12),
    (12, 4),
    (4, 12),
    (12, 12),
    (0, 4),
    (12, 0),
    (2, 3, 2),
    (3, 3),
]
TYPES = ["b1", "i1", "u1", "i4", "i8", "u8", "f2", "f4", "f8", "c8", "U4", "S3", "M8[s]", "f8"]
NAMES = [
    *("X", "y", "features", "labels", "data", "gnd", "X_train", "y_train", "X_test", "y_test", "I_tr", "L_tr", "I_te"),
    *(
        "L_te",
        "train",
        "test",
        "val_idx",
        "train_mask",
        "test_mask",
        "split",
        "X_gallery",
        "y_gallery",
        "odd",
        "set.part",
    ),
]


def draw(rng: np.random.Generator) -> np.ndarray:
    """Any array, most often a plausible one."""
    if rng.random() < 0.5:
        return [
            rng.normal(size=(12, 4)),
            np.arange(12) % 3,
            np.eye(3)[np.arange(12) % 3],
            rng.permutation(12)[:5],
            rng.random(12) < 0.5,
            rng.choice(["train", "test", "val"], 12),
        ][rng.integers(6)]
    shape, kind = SHAPES[rng.integers(len(SHAPES))], np.dtype(TYPES[rng.integers(len(TYPES))])
    if kind.kind in "US":
        return rng.choice(["train", "test", "a", ""], shape).astype(kind)
    values = (
        rng.choice([0, 1, -1, 2, 3, 0.5, 255, 12, 1e19, np.nan, np.inf], shape)
        if rng.random() < 0.5
        else rng.integers(0, 2, shape)
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return np.asarray(values).astype(kind)


def assert_one_line(call, path: Path) -> bool:
    """Whether it was refused."""
    try:
        call()
    except (UserError, EvaluationInputError) as error:
        said = str(error).replace(str(path), "FILE")
        assert "\n" not in said
        assert len(said) <= 300, said
        assert " object at 0x" not in said
        return True
    return False


@pytest.mark.filterwarnings("ignore")
def test_features(tmp_path):
    rng, refused = np.random.default_rng(0), 0
    for case in range(250):
        arrays = {name: draw(rng) for name in rng.choice(NAMES, rng.integers(1, 6), replace=False)}
        path = tmp_path / ("a.npz" if case % 3 else "a.mat")
        if case % 3:
            np.savez(path, **arrays)
        else:
            kept = {name.replace(".", "_"): a for name, a in arrays.items() if a.dtype.kind != "M"}
            scipy.io.savemat(path, kept)
        refused += assert_one_line(Features(path).load, path)
    assert 50 < refused < 250


@pytest.mark.filterwarnings("ignore")
def test_codes_to_evaluate(tmp_path):
    rng, refused, path = np.random.default_rng(1), 0, tmp_path / "a.npz"
    plain = {
        "query_codes": rng.random((12, 12)) < 0.5,
        "database_codes": rng.random((12, 12)) < 0.5,
        "query_labels": np.arange(12) % 3,
        "database_labels": np.arange(12) % 3,
    }
    for _ in range(250):
        changed = {name: draw(rng) for name in rng.choice([*ARRAYS, "bits"], rng.integers(1, 3), replace=False)}
        np.savez(path, **plain | changed)

        def measure():
            arrays, bits = read_code_arrays(path, {}, one_set=False)
            evaluate(*arrays.values(), bits=bits, topk=3)

        refused += assert_one_line(measure, path)
    assert 50 < refused < 250


def test_codes_of_a_run(tmp_path):
    rng, refused, path = np.random.default_rng(2), 0, tmp_path / "codes.npz"
    plain = RunCodes(
        *(np.zeros((12, 2), np.uint8), np.zeros((12, 2), np.uint8)),
        *(np.arange(12), np.arange(12), np.arange(12), np.arange(12)),
        bits=12,
        query_outputs=np.zeros((12, 12), np.float32),
    ).arrays()
    for _ in range(300):
        np.savez(
            path, **plain | {name: draw(rng) for name in rng.choice(list(plain), rng.integers(1, 3), replace=False)}
        )
        refused += assert_one_line(lambda: read_codes(path), path)
        assert_one_line(lambda: read_query_outputs(path), path)
    assert 100 < refused < 300


def test_manifests_and_labels_of_known_classes(tmp_path):
    rng, path = np.random.default_rng(3), tmp_path / "a.npz"
    roles, images = ("train", "validation", "test", "database"), np.zeros((12, 32, 32, 3), np.uint8)
    for _ in range(200):
        np.savez(path, **{role: draw(rng) if rng.random() < 0.5 else [k] for k, role in enumerate(roles)})
        assert_one_line(lambda: read_manifest(str(path)), path)
        np.savez(path, images=images, labels=draw(rng))
        assert_one_line(CIFAR100(path).load, path)
