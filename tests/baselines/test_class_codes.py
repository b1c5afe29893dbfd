from types import SimpleNamespace

import pytest
import torch

from hashbench.errors import UserError
from hashbench.evaluation import binarize, evaluate
from hashbench_baselines.class_codes import ClassCodes


def fit(labels):
    return SimpleNamespace(labels=labels, generator=torch.Generator().manual_seed(0))


def slow_soft(scores, codewords, several):
    rows = []
    for row in scores.tolist():
        raw = [1 / (1 + 2.718281828459045**-x) if several else 2.718281828459045**x for x in row]
        total = sum(raw)
        rows.append([sum(w / total * float(c[k]) for w, c in zip(raw, codewords, strict=True)) for k in range(4)])
    return torch.tensor(rows, dtype=torch.float64)


def test_loss_equals_cross_entropy(build, equals_slow_loop, labels):
    def slow(scores, y):
        b, classes, total = *scores.shape, 0.0
        for i in range(b):
            for c in range(classes):
                if labels.ndim == 2:
                    p = 1 / (1 + torch.exp(-scores[i, c]))
                    total = total - (y[i, c] * torch.log(p) + (1 - y[i, c]) * torch.log(1 - p)) / (b * classes)
                else:
                    p = torch.exp(scores[i, c]) / sum(torch.exp(score) for score in scores[i])
                    total = total - y[i, c] * torch.log(p) / b
        return total

    equals_slow_loop(build(ClassCodes), slow, labels, width=3)


def test_soft_codes_are_the_weighted_codewords(build, labels):
    method = build(ClassCodes)
    method.begin_fit(fit(labels))
    scores = torch.randn(6, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    expected = slow_soft(scores, method.codewords, several=labels.ndim == 2)
    torch.testing.assert_close(method.activation(scores), expected)


@pytest.mark.parametrize("mode", ["soft", "hard"])
@pytest.mark.parametrize("bits", [16, 24])
def test_a_perfect_classifier_has_map_one(mode, bits):
    method = ClassCodes(bits=bits, num_classes=10, num_train=100, mode=mode)
    labels = torch.arange(100) % 10
    method.begin_fit(fit(labels))
    codes = binarize(method.activation(20.0 * torch.nn.functional.one_hot(labels, 10)).numpy())
    assert evaluate(codes, codes, labels.numpy(), labels.numpy()).metrics["map"] == 1.0


def test_hard_codes_are_codewords(build):
    method = build(ClassCodes, mode="hard")
    scores = torch.tensor([[0.1, 0.3, 0.2], [5.0, 0.0, 4.9]], dtype=torch.float64)
    assert torch.equal(method.activation(scores), method.codewords[[1, 0]])


def test_hard_mode_refuses_several_labels():
    method = ClassCodes(bits=8, num_classes=3, num_train=9, mode="hard")
    with pytest.raises(UserError, match="set mode=soft"):
        method.begin_fit(fit(torch.ones(9, 3)))


def test_code_layer_gives_class_scores():
    assert ClassCodes(bits=8, num_classes=3, num_train=9).code_layer(5)(torch.zeros(2, 5)).shape == (2, 3)


def test_kind_of_data_survives_a_checkpoint():
    method, fresh = (ClassCodes(bits=8, num_classes=3, num_train=9) for _ in range(2))
    method.begin_fit(fit(torch.ones(9, 3)))
    fresh.load_state_dict(method.state_dict())
    scores = torch.tensor([[3.0, 3.0, -1.0]])
    assert torch.equal(fresh.activation(scores), method.activation(scores))
