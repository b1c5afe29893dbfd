"""Mean and deviation of rows that come in batches are numpy's; a constant column is only centred."""

from __future__ import annotations

import numpy as np
import torch

from hashbench.backbones.standardize import Standardize, mean_and_deviation


def parts(rows: np.ndarray, size: int = 7):
    return lambda: torch.from_numpy(rows).split(size)


def test_mean_and_deviation_are_numpy_s():
    random = np.random.default_rng(0)
    rows = random.normal([0, 1e4, -1e4, 1], [1, 3, 1, 0.1], size=(50, 4)).astype(np.float32)
    mean, deviation = mean_and_deviation(parts(rows))
    assert mean.dtype == deviation.dtype == torch.float64
    np.testing.assert_allclose(mean, rows.astype(np.float64).mean(0), rtol=1e-12)
    np.testing.assert_allclose(deviation, rows.astype(np.float64).std(0), rtol=1e-9)


def test_a_constant_column_is_only_centred():
    rows = np.random.default_rng(0).normal(size=(1000, 3)).astype(np.float32)
    rows[:, 1] = 0.1  # its mean in float64 is not exactly the value of every row
    module = Standardize(3)
    mean, deviation = mean_and_deviation(parts(rows))
    assert deviation[1] == 1
    module.learn(mean, deviation)
    assert (module(torch.from_numpy(rows))[:, 1] == 0).all()


def test_images_are_rows_of_their_values():
    images = np.random.default_rng(0).normal(size=(20, 2, 3, 3)).astype(np.float32)
    module = Standardize(18)
    module.learn(*mean_and_deviation(parts(images)))
    rows = module(torch.from_numpy(images)).numpy()
    assert rows.shape == (20, 18)
    np.testing.assert_allclose(rows.mean(0), 0, atol=1e-6)
    np.testing.assert_allclose(rows.std(0), 1, rtol=1e-5)


def test_a_new_one_learns_nothing_from_a_checkpoint_but_its_buffers():
    module = Standardize(2)
    module.learn(torch.tensor([1.0, 2.0]), torch.tensor([3.0, 4.0]))
    other = Standardize(2)
    other.load_state_dict(module.state_dict())
    assert torch.equal(other(torch.ones(1, 2)), module(torch.ones(1, 2)))
