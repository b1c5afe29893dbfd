"""StoRM: the STORM recursion, what it reduces to, the released estimator, and its state."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from hashbench.errors import UserError
from hashbench.registry import OPTIMIZERS
from hashbench_dualhash.storm import StoRM

SIZE = 5


def start() -> nn.Parameter:
    return nn.Parameter(torch.randn(SIZE, generator=torch.Generator().manual_seed(3), dtype=torch.float64))


def noise(steps: int) -> torch.Tensor:
    return torch.randn(steps, SIZE, generator=torch.Generator().manual_seed(5), dtype=torch.float64)


def train(parameter, optimizer, batches, quadratic=1.0):
    """Steps on quadratic/2 |x|^2 + <xi, x> + sum of x^2 / (1 + x^2); yields (x_k, d_k) after each."""
    for xi in batches:

        def closure(xi=xi):
            optimizer.zero_grad()
            bumps = parameter.square() / (1 + parameter.square())
            loss = 0.5 * quadratic * parameter.square().sum() + (xi * parameter).sum() + bumps.sum()
            loss.backward()
            return loss

        closure()
        point = parameter.detach().clone()
        optimizer.step(closure)
        yield point, optimizer.state[parameter]["estimate"].clone()


def true_gradient(x, decay=0.0):
    return x + 2 * x / (1 + x.square()).square() + decay * x


@pytest.mark.parametrize(
    "options", [{"a": 1.0}, {"a": 0.2, "estimator": "release"}, {"a": 0.7, "estimator": "release"}]
)
def test_is_plain_sgd_with_a_1_and_as_released_with_any_a(options):
    ours, theirs = start(), start()
    found = [p for p, _ in train(ours, StoRM([ours], lr=0.1, weight_decay=0.01, **options), noise(50))]
    sgd = torch.optim.SGD([theirs], lr=0.1, weight_decay=0.01)
    expected = []
    for xi in noise(50):
        expected.append(theirs.detach().clone())
        theirs.grad = true_gradient(theirs.detach()) + xi
        sgd.step()
    torch.testing.assert_close(torch.stack(found), torch.stack(expected), atol=1e-12, rtol=0)
    torch.testing.assert_close(ours.detach(), theirs.detach(), atol=1e-12, rtol=0)


def test_true_storm_is_not_plain_sgd():
    ours, theirs = start(), start()
    list(train(ours, StoRM([ours], lr=0.1, a=0.2), noise(5)))
    list(train(theirs, StoRM([theirs], lr=0.1, a=1.0), noise(5)))
    assert (ours - theirs).abs().max() > 1e-3


@pytest.mark.parametrize("a", [0.01, 0.3])
def test_deterministic_estimator_is_the_exact_gradient_decay_included(a):
    parameter = start()
    for x, d in train(parameter, StoRM([parameter], lr=0.1, a=a, weight_decay=0.05), torch.zeros(40, SIZE)):
        torch.testing.assert_close(d, true_gradient(x, decay=0.05), atol=1e-12, rtol=0)


def test_error_recursion_under_additive_noise():
    a, parameter, xi = 0.15, start(), noise(60)
    error = xi[0]
    for k, (x, d) in enumerate(train(parameter, StoRM([parameter], lr=0.05, a=a), xi)):
        error = error if k == 0 else (1 - a) * error + a * xi[k]
        torch.testing.assert_close(d - true_gradient(x), error, atol=1e-12, rtol=0)


def test_first_estimate_averages_the_initial_batches_and_stands_still_meanwhile():
    parameter, xi = start(), noise(6)
    optimizer = StoRM([parameter], lr=0.05, a=0.3, initial_batches=4)
    seen = list(train(parameter, optimizer, xi))
    for x, _ in seen[:4]:
        assert torch.equal(x, start().detach())
    torch.testing.assert_close(seen[3][1], true_gradient(seen[0][0]) + xi[:4].mean(dim=0))
    torch.testing.assert_close(seen[4][0], seen[0][0] - 0.05 * seen[3][1])
    error = 0.7 * xi[:4].mean(dim=0) + 0.3 * xi[4]
    torch.testing.assert_close(seen[4][1] - true_gradient(seen[4][0]), error)


def test_the_closure_runs_once_at_the_previous_point_and_survives_zeroing_in_place():
    parameter = start()
    optimizer = StoRM([parameter], lr=0.1, a=0.2)
    visited = []

    def backward():
        if parameter.grad is not None:
            parameter.grad.zero_()  # the same memory, as in a gradient bucket
        parameter.square().sum().backward()

    for _ in range(3):
        backward()
        before = parameter.detach().clone()

        def closure():
            assert optimizer.at_previous
            visited.append(parameter.detach().clone())
            backward()

        optimizer.step(closure)
        assert not optimizer.at_previous
        torch.testing.assert_close(optimizer.state[parameter]["estimate"], 2 * before)
        visited.append(before)
    assert torch.equal(visited[1], visited[0])  # step 1 went back to x_0
    assert torch.equal(visited[3], visited[2])
    assert len(visited) == 5


def test_a_failing_closure_leaves_the_present_point():
    parameter = start()
    optimizer = StoRM([parameter], lr=0.1, a=0.2)
    list(train(parameter, optimizer, noise(2)))
    parameter.grad = torch.ones_like(parameter)
    point = parameter.detach().clone()

    def closure():
        raise RuntimeError("no")

    with pytest.raises(RuntimeError, match="no"):
        optimizer.step(closure)
    assert torch.equal(parameter, point)
    assert not optimizer.at_previous


@pytest.mark.parametrize("options", [{"initial_batches": 3}, {"estimator": "release"}])
@pytest.mark.parametrize("stop", [2, 7])
def test_state_dict_resumes_bit_for_bit(options, stop):
    straight = start()
    list(train(straight, StoRM([straight], lr=0.05, a=0.3, **options), noise(12)))
    first = start()
    optimizer = StoRM([first], lr=0.05, a=0.3, **options)
    list(train(first, optimizer, noise(12)[:stop]))
    second = nn.Parameter(first.detach().clone())
    resumed = StoRM([second], lr=0.05, a=0.3, **options)
    resumed.load_state_dict(optimizer.state_dict())
    list(train(second, resumed, noise(12)[stop:]))
    assert torch.equal(second, straight)


def test_a_parameter_that_joins_late_starts_with_its_own_gradient():
    early, late = start(), start()
    optimizer = StoRM([early, late], lr=0.1, a=0.2)

    def backward(both: bool):
        optimizer.zero_grad()
        (early.square().sum() + (late.square().sum() if both else 0.0)).backward()

    for both in (False, False, True, True):
        backward(both)
        point = late.detach().clone()
        optimizer.step(lambda both=both: backward(both))
    torch.testing.assert_close(optimizer.state[late]["estimate"], 2 * point)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"lr": -1.0}, "lr = -1.0"),
        ({"a": 0.0}, "a = 0.0"),
        ({"a": 1.5}, "a = 1.5"),
        ({"estimator": "strom"}, "estimator = 'strom'"),
        ({"initial_batches": 0}, "initial_batches = 0"),
        ({"weight_decay": -1}, "weight_decay"),
    ],
)
def test_refuses_bad_values_in_one_line(options, message):
    with pytest.raises(UserError, match=message) as caught:
        StoRM([start()], **options)
    assert "\n" not in str(caught.value)


def test_needs_a_closure():
    parameter = start()
    optimizer = StoRM([parameter], lr=0.1, a=0.5)
    list(train(parameter, optimizer, noise(1)))
    with pytest.raises(UserError, match="needs a closure"):
        optimizer.step()


def test_the_lbfgs_way_of_calling_it_is_refused_with_the_right_loop():
    parameter = start()
    optimizer = StoRM([parameter], lr=0.1, a=0.5)

    def closure():
        optimizer.zero_grad()
        parameter.square().sum().backward()

    def refused():
        before = parameter.detach().clone()
        with pytest.raises(UserError) as caught:
            optimizer.step(closure)
        lines = str(caught.value).splitlines()
        assert [line.split("#")[0].strip() for line in lines[1:]] == [
            "optimizer.zero_grad()",
            "loss(batch).backward()",
            "optimizer.step(closure)",
        ]
        torch.testing.assert_close(parameter.detach(), before, rtol=0, atol=0)

    refused()
    for _ in range(3):
        closure()
        optimizer.step(closure)
    refused()  # not only at first: after a step no gradient is left that could be taken for a fresh one


def test_registered_and_asks_for_a_closure():
    assert OPTIMIZERS.get("StoRM").uses_closure


def test_plain_sgd_needs_no_closure_and_keeps_no_second_point():
    point = start()
    optimizer, before = StoRM([point], lr=0.1, a=1.0), point.detach().clone()
    for _ in range(3):
        point.grad = torch.ones(SIZE, dtype=torch.float64)
        optimizer.step()
    torch.testing.assert_close(point.detach(), before - 0.3)
    assert set(optimizer.state[point]) == {"estimate"}
    assert optimizer.inertia() == 0
