"""Features of a backbone: modes kept, gradients off, precision as asked."""

import numpy as np
import torch
from torch import nn

from hashbench.backbones.extract import extract_features


class Spy(nn.Module):
    """Doubles its input; notes the modes it ran in."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(2)
        self.frozen = nn.Dropout().eval()
        self.scale = nn.Parameter(torch.tensor(2.0))
        self.seen: list[tuple] = []

    def forward(self, inputs):
        modes = (torch.is_inference_mode_enabled(), torch.is_autocast_enabled("cpu"))
        self.seen.append((self.training, self.norm.training, *modes))
        return self.norm(inputs) * self.scale


def test_extract_features():
    module = Spy().train()
    module.frozen.eval()
    batches = [torch.ones(3, 2), torch.zeros(1, 2)]
    got = []
    for features in extract_features(module, batches, "cpu"):
        assert not torch.is_inference_mode_enabled(), "the consumer's code runs in inference mode"
        got.append(features)
    assert [block.shape for block in got] == [(3, 2), (1, 2)]
    assert got[0].dtype == np.float32
    np.testing.assert_allclose(got[0], 2, rtol=1e-4)
    assert module.seen == [(False, False, True, False)] * 2
    assert (module.training, module.norm.training, module.frozen.training) == (True, True, False)
    assert module.norm.num_batches_tracked == 0


def test_extract_features_restores_the_mode_when_abandoned():
    module = Spy().train()
    blocks = extract_features(module, [torch.ones(3, 2)] * 2, "cpu")
    next(blocks)
    assert not module.training
    blocks.close()
    assert module.training


def test_extract_features_in_bf16_are_close_and_float32():
    module = nn.Linear(64, 8)
    inputs = torch.randn(16, 64)
    (fp32,), (bf16,) = (list(extract_features(module, [inputs], "cpu", p)) for p in ("fp32", "bf16"))
    assert bf16.dtype == np.float32
    assert 0 < np.abs(fp32 - bf16).max() < 0.05
