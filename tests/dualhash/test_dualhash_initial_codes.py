"""Where u starts: ITQ lowers its objective, all starts are +-1 of the right shape, and too few features are refused."""

from __future__ import annotations

from itertools import pairwise

import pytest
import torch
from short_runs import BITS, SAMPLES, Run

from hashbench.errors import UserError
from hashbench_dualhash.initial_codes import INITS, initial_codes, itq, principal_components, signs
from hashbench_dualhash.method import DualHashStoM


def generator() -> torch.Generator:
    return torch.Generator().manual_seed(2)


@pytest.mark.parametrize("init", INITS)
def test_each_start_has_its_shape_and_repeats(init):
    run = Run(DualHashStoM)
    run.fit.generator = generator()
    first = initial_codes(init, run.fit, BITS)
    run.fit.generator = generator()
    assert torch.equal(first, initial_codes(init, run.fit, BITS))
    assert first.shape == (SAMPLES, BITS)
    assert first.dtype == torch.float32
    if init == "network":
        assert torch.equal(first, run.codes())
    else:
        assert (first.abs() == 1).all()


def test_more_itq_iterations_never_raise_the_error():
    """min over rotations of ||B - V R|| is what an iteration lowers: compare at the best rotation of each B."""
    v = principal_components(torch.randn(200, 20, generator=generator()) * torch.arange(1, 21), 6, generator()).double()

    def error(codes: torch.Tensor) -> float:
        nuclear = torch.linalg.svdvals(v.T @ codes).sum()
        return float(codes.square().sum() + v.square().sum() - 2 * nuclear)

    errors = [error(itq(v, generator(), iterations)) for iterations in (0, 1, 2, 5, 10, 50)]
    assert all(b <= a + 1e-9 for a, b in pairwise(errors))
    assert errors[-1] < 0.999 * errors[0]


def test_components_are_centred_and_uncorrelated():
    v = principal_components(torch.randn(200, 20, generator=generator()) + 5, 6, generator())
    covariance = v.T @ v / 200
    assert v.mean(dim=0).abs().max() < 1e-5
    torch.testing.assert_close(covariance, torch.diag(covariance.diag()), atol=1e-4, rtol=0)


def test_sign_of_zero_is_plus():
    assert signs(torch.tensor([0.0, -0.0, -1.0])).tolist() == [1, 1, -1]


def test_fewer_features_than_bits_are_refused_with_a_way_out():
    with pytest.raises(UserError, match=r"16 bits .* 12 features of 60 samples: set init=random") as caught:
        principal_components(torch.randn(60, 12), 16, generator())
    assert "\n" not in str(caught.value)
