"""What an epoch leaves for its end, and the sums that are made of it."""

from __future__ import annotations

import pytest
import torch

from hashbench_dualhash.diagnostics import dual_sums
from hashbench_dualhash.prox import distance_to_conjugate_subgradient
from hashbench_dualhash.record import EpochRecord


def rows(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("active", [True, False])
def test_sums_equal_their_definitions_with_active_duals_and_without(active):
    h, u = rows(20, 6), 1.5 * rows(20, 6, seed=1)
    y = rows(20, 6, seed=2).clamp(-0.5, 0.5) if active else torch.zeros(20, 6)
    y[3] = 0
    coupled, u_block, y_block, count = dual_sums(h, u, y, sigma=0.7, lam=0.5).tolist()
    assert coupled == pytest.approx(float((0.35 * (u - h).square() + y * u - y.abs()).sum()), rel=1e-5)
    assert u_block == pytest.approx(float((0.7 * (u - h) + y).square().sum()), rel=1e-5)
    assert y_block == pytest.approx(float(distance_to_conjugate_subgradient(u, y, 0.5).square().sum()), rel=1e-5)
    assert count == int((y != 0).sum())


def test_a_record_gives_back_what_was_seen_by_sample():
    record = EpochRecord(5)
    with pytest.raises(RuntimeError, match="no step"):
        record.outputs()
    record.clear()
    first, second = rows(2, 3), rows(2, 3, seed=1)
    record.add(torch.tensor([4, 1]), first)
    record.add(torch.tensor([1, 2]), second)
    index, outputs = record.outputs()
    assert index.tolist() == [1, 2, 4]
    assert torch.equal(outputs, torch.stack([second[0], second[1], first[0]]))
    assert record.steps == 2
    record.add(torch.tensor([0, 3]), rows(2, 3, seed=2).bfloat16())
    index, outputs = record.outputs()
    assert index is None
    assert torch.equal(outputs[[0, 3]], rows(2, 3, seed=2).bfloat16().float())
    assert torch.equal(outputs[4], first[0])
    record.clear()
    record.add(torch.tensor([2]), torch.ones(1, 3))
    assert record.outputs()[0].tolist() == [2], "an epoch knows nothing of the one before"
    assert record.steps == 1
