import pytest
import torch

from hashbench_baselines.greedyhash import GreedyHash


def reference(method, logits, labels):
    """The paper's loss and, by its rule dL/dh := dL/db, its gradient, from the equations."""
    weight = method.classifier.weight.detach()
    b, bits = logits.shape
    loss, gradient = 0.0, torch.zeros_like(logits)
    for i in range(b):
        code = [1.0 if logits[i, k] >= 0 else -1.0 for k in range(bits)]
        scores = torch.stack([sum(weight[c, k] * code[k] for k in range(bits)) for c in range(len(weight))])
        p = torch.exp(scores) / torch.exp(scores).sum()
        loss -= torch.log(p[labels[i]]) / b
        for k in range(bits):
            for c in range(len(weight)):
                gradient[i, k] += (p[c] - (1.0 if c == labels[i] else 0.0)) * weight[c, k] / b
            error = logits[i, k] - code[k]
            loss += 0.3 * error.abs() ** 3 / (b * bits)
            gradient[i, k] += 0.3 * 3 * error.abs() * error / (b * bits)
    return loss, gradient


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_equals_the_paper(build, batch_of, seed):
    torch.manual_seed(seed)
    method, labels = build(GreedyHash, alpha=0.3), torch.tensor([0, 1, 0, 2, 1])
    logits = torch.randn(5, 4, dtype=torch.float64, requires_grad=True)
    total = sum(method.loss(batch_of(method, logits, labels)).values())
    loss, gradient = reference(method, logits.detach(), labels)
    torch.testing.assert_close(total.detach(), loss)
    torch.testing.assert_close(torch.autograd.grad(total, logits)[0], gradient)


def test_classifier_sees_signs_only(build, value):
    method = build(GreedyHash, alpha=0.0)
    assert value(method, [[0.0, 0.1, -9.0, -0.1]], [1]) == value(method, [[1.0, 1.0, -1.0, -1.0]], [1])


def test_cubic_term(build, value):
    method = build(GreedyHash, alpha=1.0)
    base = value(build(GreedyHash, alpha=0.0).requires_grad_(False), [[1.0] * 4], [0])
    method.classifier.weight.data.zero_()
    assert base > 0
    assert value(method, [[3.0, 1.0, -1.0, 0.0]], [0]) == pytest.approx(1.0986123 + (8 + 0 + 0 + 1) / 4)


def test_refuses_several_labels():
    assert not GreedyHash.multilabel
