"""Whether the seeds of one setting are worth training together: three heads one by one, or batched by torch.func.

    python benchmarks/batched_seeds.py [--seeds 3] [--bits 32] [--batch 256] [--steps 60] [--device cpu] [--threads 1]

A head is what a sweep on frozen features trains: 1280 -> 512 -> bits, pairwise likelihood, SGD with momentum.
Batched means one set of stacked parameters, `torch.func.stack_module_state` and `vmap` over models and batches. Each
seed has batches of its own, as in separate runs. Both sides take turns step by step, and the ratio is taken within each
pair, so that drift of the machine's speed cancels. First both are checked to give the same parameters.
"""

from __future__ import annotations

import argparse
import copy
import statistics
import time
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.func import functional_call, grad, stack_module_state, vmap
from torch.nn import functional as F


def head(width: int, hidden: int, bits: int) -> nn.Module:
    """Features to codes."""
    return nn.Sequential(nn.Linear(width, hidden), nn.ReLU(), nn.Linear(hidden, bits), nn.Tanh())


def likelihood(codes: Tensor, labels: Tensor) -> Tensor:
    """Pairwise likelihood of similarity given inner products, mean over the pairs of a batch."""
    theta = 0.5 * codes @ codes.T
    similar = (labels[:, None] == labels[None, :]).float()
    return (F.softplus(theta) - similar * theta).mean()


def separate(models: list[nn.Module], rate: float, momentum: float) -> Callable[[Tensor, Tensor], None]:
    """A step of each model after the other."""
    optimizers = [torch.optim.SGD(model.parameters(), lr=rate, momentum=momentum) for model in models]

    def step(features: Tensor, labels: Tensor) -> None:
        for model, optimizer, x, y in zip(models, optimizers, features, labels, strict=True):
            optimizer.zero_grad(set_to_none=True)
            likelihood(model(x), y).backward()
            optimizer.step()

    return step


def batched(models: list[nn.Module], rate: float, momentum: float) -> tuple[Callable[[Tensor, Tensor], None], dict]:
    """A step of all models at once, and their stacked parameters."""
    parameters, buffers = stack_module_state(models)
    skeleton = copy.deepcopy(models[0]).to("meta")
    velocity = {name: torch.zeros_like(value) for name, value in parameters.items()}

    def loss(own: dict, own_buffers: dict, x: Tensor, y: Tensor) -> Tensor:
        return likelihood(functional_call(skeleton, (own, own_buffers), (x,)), y)

    gradients = vmap(grad(loss))

    def step(features: Tensor, labels: Tensor) -> None:
        found = gradients(parameters, buffers, features, labels)
        with torch.no_grad():
            for name, value in parameters.items():
                velocity[name].mul_(momentum).add_(found[name])
                value.sub_(velocity[name], alpha=rate)

    return step, parameters


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--bits", type=int, default=32)
    parser.add_argument("--batch", type=int, default=256)
    parser.add_argument("--width", type=int, default=1280)
    parser.add_argument("--hidden", type=int, default=512)
    parser.add_argument("--steps", type=int, default=60, help="pairs of steps; the first five are not counted")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.manual_seed(0)
    models = [head(options.width, options.hidden, options.bits).to(options.device) for _ in range(options.seeds)]
    together, stacked = batched(copy.deepcopy(models), 0.05, 0.9)
    one_by_one = separate(models, 0.05, 0.9)
    seconds: list[tuple[float, float]] = []
    for number in range(options.steps):
        features = torch.randn(options.seeds, options.batch, options.width, device=options.device)
        labels = torch.randint(10, (options.seeds, options.batch), device=options.device)
        pair = []
        for step in (one_by_one, together):
            _finish(options.device)
            started = time.perf_counter()
            step(features, labels)
            _finish(options.device)
            pair.append(time.perf_counter() - started)
        seconds.append((pair[0], pair[1]))
        if number == 4:
            for name, value in stacked.items():
                expected = torch.stack([dict(model.named_parameters())[name].detach() for model in models])
                torch.testing.assert_close(value.detach(), expected, rtol=1e-3, atol=1e-4)
    counted = seconds[5:]
    ratios = [b / a for a, b in counted]
    print(
        f"{options.seeds} heads {options.width} -> {options.hidden} -> {options.bits}, batch {options.batch}, ", end=""
    )
    print(f"{options.device}, {options.threads} threads, torch {torch.__version__}")
    print(f"one by one {1e3 * statistics.median(a for a, _ in counted):.2f} ms per step of all, ", end="")
    print(f"batched {1e3 * statistics.median(b for _, b in counted):.2f} ms")
    low, _, high = statistics.quantiles(ratios, n=4)
    print(f"batched / one by one: median {statistics.median(ratios):.3f}, quartiles {low:.3f} to {high:.3f}")


def _finish(device: str) -> None:
    if torch.device(device).type == "cuda":
        torch.cuda.synchronize()


if __name__ == "__main__":
    main()
