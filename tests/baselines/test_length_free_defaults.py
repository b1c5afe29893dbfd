"""Default constants mean the same at every code length: a code written twice has the loss, and the likelihoods, of one."""

from __future__ import annotations

import pytest
import torch

from hashbench.models import CodeBatch
from hashbench_baselines.csq import CSQ
from hashbench_baselines.dhn import DHN
from hashbench_baselines.dpsh import DPSH
from hashbench_baselines.dsdh import DSDH
from hashbench_baselines.dtsh import DTSH
from hashbench_baselines.greedyhash import GreedyHash
from hashbench_baselines.hashnet import HashNet
from hashbench_baselines.nnh import NNH
from hashbench_baselines.orthohash import OrthoHash

LABELS = torch.arange(12) % 3


def terms_of(cls, logits: torch.Tensor, **options) -> dict[str, float]:
    method = cls(bits=logits.shape[1], num_classes=3, num_train=12, **options).double()
    batch = CodeBatch(method.activation(logits), logits, LABELS, torch.arange(12), 3)
    return {name: float(value.detach()) for name, value in method.loss(batch).items()}


def logits_of(bits: int) -> torch.Tensor:
    return 1.5 * torch.randn(12, bits, generator=torch.Generator().manual_seed(bits), dtype=torch.float64)


@pytest.mark.parametrize("bits", [8, 24])
@pytest.mark.parametrize("cls", [HashNet, DHN, DPSH, DTSH, DSDH])
def test_a_code_repeated_to_twice_the_length_has_the_same_loss(cls, bits):
    once = logits_of(bits)
    assert terms_of(cls, once.repeat(1, 2)) == pytest.approx(terms_of(cls, once), rel=1e-12)


def test_squared_distances_and_their_margin_grow_together():
    once = logits_of(8)
    one, two = (terms_of(NNH, rows) for rows in (once, once.repeat(1, 2)))
    assert two == pytest.approx({name: 2 * value for name, value in one.items()}, rel=1e-12)


@pytest.mark.parametrize("cls", [CSQ, GreedyHash])
def test_quantisation_is_a_mean_over_bits(cls):
    once = logits_of(8)
    one, two = (terms_of(cls, rows)["quantization"] for rows in (once, once.repeat(1, 2)))
    assert two == pytest.approx(one, rel=1e-12)


@pytest.mark.parametrize(("cls", "largest"), [(HashNet, 10.0), (DHN, 8.0), (DPSH, 8.0), (DTSH, 8.0), (DSDH, 8.0)])
def test_equal_codes_have_the_largest_logit_whatever_the_length(cls, largest):
    for bits in (16, 64):
        method = cls(bits=bits, num_classes=3, num_train=12)
        assert getattr(method, "alpha" if cls is HashNet else "scale") * bits == pytest.approx(largest)
        if cls is DTSH:
            assert method.margin == pytest.approx(largest)  # K / 2 at the paper's scale of 1 / 2


def test_codewords_keep_their_distance_by_default():
    words = OrthoHash(bits=16, num_classes=10, num_train=12).codewords
    apart = (16 - words @ words.T) / 2 + 16 * torch.eye(10)
    assert apart.min() >= 6
