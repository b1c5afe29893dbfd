"""What shallow methods share beside the conformance checks: what they learn, one line for bad input, real data."""

from __future__ import annotations

import os
import re
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from sklearn.base import clone

from hashbench.catalog import load_catalog
from hashbench.data.features import Features
from hashbench.evaluation import evaluate
from hashbench.models import ShallowMethod
from hashbench_baselines.agh import AGH
from hashbench_baselines.itq import ITQ
from hashbench_baselines.ksh import KSH
from hashbench_baselines.ldahash import LDAHash
from hashbench_baselines.lsh import LSH
from hashbench_baselines.psh import PSH
from hashbench_baselines.sdh import SDH
from hashbench_baselines.spectral import SpectralHashing

UNSUPERVISED = [LSH(), ITQ(), SpectralHashing(), AGH(anchors=60), AGH(layers=2, anchors=60)]
SUPERVISED = [
    PSH(pairs=500, projections=200),
    LDAHash(pairs=500),
    KSH(anchors=100, labelled=1000, iterations=20),
    SDH(),
]
METHODS = UNSUPERVISED + SUPERVISED


def name(method: ShallowMethod) -> str:
    return f"{type(method).__name__}{getattr(method, 'layers', '')}"


each = pytest.mark.parametrize("method", METHODS, ids=name)
each_supervised = pytest.mark.parametrize("method", SUPERVISED, ids=name)


@pytest.fixture(scope="module")
def blobs() -> tuple[np.ndarray, np.ndarray]:
    """(240, 20) samples around four centres."""
    rng = np.random.default_rng(0)
    y = np.arange(240) % 4
    return rng.normal(size=(4, 20))[y] * 2 + rng.normal(size=(240, 20)), y


@pytest.mark.parametrize("method", [m for m in METHODS if not isinstance(m, SpectralHashing)], ids=name)
def test_another_seed_another_function(method, blobs):
    X, y = blobs
    outputs = [clone(method).set_params(bits=8, random_state=seed).fit(X, y).decision_function(X) for seed in (0, 1)]
    assert not np.allclose(outputs[0], outputs[1])


@each
def test_beats_chance_on_blobs(method, blobs):
    X, y = blobs
    codes = clone(method).set_params(bits=8, random_state=0).fit(X, y).transform(X)
    assert evaluate(codes, codes, y, y).metrics["map"] > 0.4  # chance: 0.25


@each
def test_more_bits_than_a_byte_and_than_classes(method, blobs):
    X, y = blobs
    bits = 20
    assert clone(method).set_params(bits=bits, random_state=0).fit(X, y).transform(X).shape == (240, bits)


@each_supervised
def test_learns_from_several_labels(method, blobs):
    X, y = blobs
    targets = np.stack([y == 0, y <= 1, y == 2, y >= 2], axis=1).astype(np.uint8)
    codes = clone(method).set_params(bits=16, random_state=0).fit(X, targets).transform(X)
    assert evaluate(codes, codes, targets, targets).metrics["map"] > 0.65  # chance: 0.5


@each_supervised
def test_one_hot_is_the_same_as_ids(method, blobs):
    X, y = blobs
    outputs = [
        clone(method).set_params(bits=8, random_state=0).fit(X, targets).decision_function(X)
        for targets in (y, np.eye(4, dtype=np.uint8)[y])
    ]
    # The order of groups differs (ids ascend, one-hot rows descend), and with it which pairs a seed draws.
    if isinstance(method, KSH | SDH):
        np.testing.assert_array_equal(outputs[0] >= 0, outputs[1] >= 0)
    else:
        assert outputs[0].shape == outputs[1].shape


@each_supervised
def test_targets_that_are_not_multi_hot(method, blobs):
    with pytest.raises(ValueError, match="multi-hot, 0 and 1 only"):
        clone(method).set_params(bits=8).fit(blobs[0], np.full((240, 3), 2))


@pytest.mark.parametrize("method", [PSH(pairs=50), LDAHash(pairs=50)], ids=name)
@pytest.mark.parametrize(
    ("y", "message"), [(np.zeros(40), "all samples share"), (np.arange(40), "no two samples share")]
)
def test_both_kinds_of_pairs_are_needed(method, y, message, blobs):
    with pytest.raises(ValueError, match=message):
        clone(method).set_params(bits=4).fit(blobs[0][:40], y.astype(int))


@pytest.mark.parametrize(
    ("method", "message"),
    [
        (ITQ(bits=21), "21 bits asked"),
        (LDAHash(bits=21), "21 bits asked"),
        (PSH(bits=21, projections=0), "give projections=84"),
        (AGH(bits=60, anchors=40), "needs 60 eigenvectors"),
        (AGH(bits=100, layers=2, anchors=40), "needs 50 eigenvectors"),
        (AGH(bits=7, layers=2), "7 bits are odd"),
        (AGH(bits=8, layers=3), "1 or 2 layers"),
        (LDAHash(bits=8, variant="pca"), "'lda' and 'dif'"),
        (LSH(bits=0), "bits must be an integer of at least 1"),
    ],
    ids=lambda value: name(value) if isinstance(value, ShallowMethod) else None,
)
def test_refusals_are_one_line(method, message, blobs):
    with pytest.raises(ValueError, match=message) as refused:
        method.fit(*blobs)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("method", "message"),
    [
        (SDH(sigma=0.0), "sigma = 0.0 must be a number > 0"),
        (SDH(lam=0.0), "lam = 0.0 must be a number > 0"),
        (SDH(lam_f=-1.0), "lam_f = -1.0 must be a number > 0"),
        (SDH(nu=float("nan")), "nu = nan must be a number >= 0"),
        (SDH(anchors=0), "anchors = 0 must be a whole number >= 1"),
        (SDH(sweeps=0), "sweeps = 0 must be a whole number >= 1"),
        (KSH(labelled=0), "labelled = 0 must be a whole number >= 1"),
        (KSH(anchors=-5), "anchors = -5 must be a whole number >= 1"),
        (KSH(ridge=-1.0), "ridge = -1.0 must be a number >= 0"),
        (AGH(nearest=0), "nearest = 0 must be a whole number >= 1"),
        (PSH(pairs=0), "pairs = 0 must be a whole number >= 1"),
        (PSH(projections=-1), "projections = -1 must be a whole number >= 0"),
        (LDAHash(pairs=0), "pairs = 0 must be a whole number >= 1"),
        (LDAHash(ridge=-5.0), "ridge = -5.0 must be a number >= 0"),
        (ITQ(iterations=2.5), "iterations = 2.5 must be a whole number >= 0"),
    ],
    ids=lambda value: name(value) if isinstance(value, ShallowMethod) else None,
)
def test_hyper_parameters_out_of_range(method, message, blobs):
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        clone(method).set_params(bits=4).fit(*blobs)


@pytest.mark.parametrize("method", [KSH(anchors=500), SDH(anchors=500), AGH(anchors=500, bits=4)], ids=name)
def test_no_more_anchors_than_samples(method, blobs):
    fitted = clone(method).set_params(bits=4, random_state=0).fit(*blobs)
    assert len(fitted.anchors_) <= 240


@cache
def mnist() -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Training and test features and labels: 1,500 and 300 samples of 784 pixels."""
    shared = os.environ.get("HASHBENCH_SHARED_DATA") or Path(__file__).parents[2].parent / "shared" / "data"
    file = Path(shared) / "features" / "hcsdh_mnist.mat"
    if not file.is_file():
        pytest.skip(f"no {file}: set HASHBENCH_SHARED_DATA to the folder that has features/hcsdh_mnist.mat")
    table = Features(file).load()
    train, test = table.split["train"][:1500], table.split["test"][:300]
    X, y = table.inputs.numpy().astype(np.float64), table.labels.numpy()
    return X[train], y[train], X[test], y[test]


@cache
def mnist_map(method: ShallowMethod) -> float:
    X, y, queries, query_labels = mnist()
    fitted = clone(method).set_params(bits=32, random_state=0).fit(X, y)
    return evaluate(fitted.transform(queries), fitted.transform(X), query_labels, y).metrics["map"]


FLOOR = LSH()


@pytest.mark.real_data
@pytest.mark.parametrize("method", [*UNSUPERVISED, FLOOR], ids=name)
def test_unsupervised_beats_chance_on_mnist(method):
    assert mnist_map(method) > 0.2  # chance: 0.1


@pytest.mark.real_data
@each_supervised
def test_supervised_leaves_lsh_behind_on_mnist(method):
    assert mnist_map(method) > mnist_map(FLOOR) + 0.05


@pytest.mark.real_data
def test_discrete_codes_are_best_on_mnist():
    assert mnist_map(SUPERVISED[-1]) > 0.85


def test_every_shallow_method_with_hyper_parameters_has_a_search_space_of_values_that_it_takes(blobs):
    catalog = load_catalog()
    for method, entry in catalog.methods.items():
        if entry.kind != "shallow":
            continue
        defaults = catalog.defaults("methods", method)
        assert bool(entry.search) == bool(defaults), method
        cls = catalog.load_class("methods", method)
        for key, kinds in entry.search.items():
            ((_, options),) = kinds.items()
            for value in options:
                small = {**entry.hparams, **cls.check_hparams, "bits": 4, "random_state": 0, key: value}
                if key != "iterations" and "iterations" in defaults:
                    small["iterations"] = 2
                cls(**small).fit(*blobs)
