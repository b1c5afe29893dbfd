"""What a baseline cannot do with some data is said by `hashbench run` in one line, with exit code 2."""

from __future__ import annotations

import numpy as np
import pytest
from refusal import assert_refused

CASES = [
    # method, data, bits, settings, what is said
    ("itq", "plain", 12, [], "12 bits asked, n_samples = 84 and n_features = 6 give 6"),
    ("ldahash", "plain", 12, [], "12 bits asked, n_features = 6"),
    ("psh", "plain", 12, ["projections=0"], "12 bits asked of 6 functions"),
    ("agh1", "plain", 90, [], "needs 90 eigenvectors"),
    ("agh2", "plain", 180, [], "needs 90 eigenvectors"),
    ("agh2", "plain", 7, [], "7 bits are odd"),
    ("mdshc", "plain", 1, [], "3 classes need as many centres, and 1 bits give 2"),
    ("csq", "plain", 1, [], "3 classes need as many codewords, and 1 bits give 2"),
    ("class_codes", "plain", 1, [], "3 classes need as many codewords, and 1 bits give 2"),
    ("deep_linf", "plain", 90, [], "a dictionary of 90 atoms, one per bit, from no fewer samples and is given 84"),
    ("snnh", "plain", 90, [], "a dictionary of 90 atoms"),
    ("agh1", "equal", 4, [], "on 1 anchors has 0"),
    ("sh", "equal", 4, [], "all rows are equal"),
    ("psh", "one class", 4, [], "all samples share a label"),
    ("ldahash", "one class", 4, [], "all samples share a label"),
    ("mdshc", "one class", 4, [], "1 class leaves nothing to separate"),
    ("psh", "all different", 4, [], "there is nothing to measure"),
    ("greedyhash", "several labels", 4, [], "not defined for samples with several labels"),
    ("class_codes", "several labels", 4, ["mode=hard"], "mode hard picks one class per sample"),
    ("dualhash_stom", "plain", 12, [], "12 bits need as many features and samples"),
    ("lsh", "nan", 4, [], "NaN"),
]


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """data(name) -> a file of 120 samples of 6 features, 84 of them for training."""
    rng = np.random.default_rng(0)
    y = np.arange(120) % 3
    X = 2 * rng.normal(size=(3, 6))[y] + rng.normal(size=(120, 6))
    hot = np.eye(3, dtype=np.uint8)[y]
    hot[rng.random(120) < 0.4, 0] = 1
    broken = X.copy()
    broken[5, 2] = np.nan
    sets = {
        "plain": (X, y),
        "equal": (np.ones_like(X), y),
        "one class": (X, np.zeros_like(y)),
        "all different": (X, np.arange(120)),
        "several labels": (X, hot),
        "nan": (broken, y),
    }
    folder = tmp_path_factory.mktemp("data")

    def file(name):
        path = folder / f"{name.replace(' ', '_')}.npz"
        features, labels = sets[name]
        np.savez(path, features=features.astype(np.float32), labels=labels)
        return path

    return file


@pytest.mark.parametrize(("method", "name", "bits", "settings", "said"), CASES, ids=lambda v: str(v)[:30])
def test_one_line_and_exit_code_2(data, tmp_path, cli, method, name, bits, settings, said):
    sets = [word for setting in settings for word in ("--set", setting)]
    words = ["--protocol", "features", "--data-root", data(name), "--bits", bits, "--epochs", 1, *sets]
    assert_refused(cli("run", "--method", method, *words), said)
    assert not list(tmp_path.rglob("result.json"))
