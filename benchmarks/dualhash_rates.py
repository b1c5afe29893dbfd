"""How fast StoM and StoRM approach stationarity: the complexity bounds of DualHash (Theorems 1 and 2) on a toy problem.

    min over x of mean_i [ f_i(x) + lam || |h_i(x)| - 1 ||_1 ],   h_i = a_i^T x,
    f_i = sum over bits of r^2 / (1 + r^2),   r = h_i - t_i

f is nonconvex (Geman-McClure); many of the targets t lie outside the box, so the dual is active. u and y of all samples
are updated in every iteration, as in the theory, and the batch of a step is drawn with replacement. What is averaged
over the iterates is dist(0, dL)^2 (V.1), against the number of sampled gradients (SFO), and it falls as a power of it:

    StoM  (V.7):  constant steps, |S_k| = iterations           theory -1/2   (eps^-4)
    StoRM (V.11): eta ~ K^(-1/3), a ~ K^(-2/3), |S_k| = 1      theory -2/3   (eps^-3)
    SGD, without momentum: eta ~ K^(-1/2), |S_k| = 1           theory -1/2   (eps^-4)

SGD stands beside them as what both have to beat: one gradient a step, and nothing to remember.

    python benchmarks/dualhash_rates.py [--largest 65536]
"""

from __future__ import annotations

import argparse
import math

import torch
from torch import Tensor

from hashbench_dualhash.dual_state import DualState
from hashbench_dualhash.prox import distance_to_conjugate_subgradient
from hashbench_dualhash.stom import StoM
from hashbench_dualhash.storm import StoRM

SAMPLES, WIDTH, BITS = 128, 6, 2
SIGMA, LAM, ETA_U, TAU = 1.0, 0.3, 0.5, 0.25


class Problem:
    """Several independent copies ("seeds") of the problem, solved side by side in float64.

    Attributes:
        a: (SAMPLES, WIDTH); t: (SAMPLES, BITS); x: (seeds, WIDTH, BITS), the parameter, 0 at the start.
        dual: u and y of seeds * SAMPLES rows.
    """

    def __init__(self, seeds: int = 8, eta_u: float = ETA_U, tau: float = TAU) -> None:
        made = torch.Generator().manual_seed(0)
        self.seeds = seeds
        self.a = torch.randn(SAMPLES, WIDTH, generator=made, dtype=torch.float64) / math.sqrt(WIDTH)
        reached = self.a @ (2 * torch.randn(WIDTH, BITS, generator=made, dtype=torch.float64))
        self.t = reached + 0.5 * torch.randn(SAMPLES, BITS, generator=made, dtype=torch.float64)
        self.x = torch.nn.Parameter(torch.zeros(seeds, WIDTH, BITS, dtype=torch.float64))
        self.dual = DualState(seeds * SAMPLES, BITS, sigma=SIGMA, lam=LAM, eta_u=eta_u, tau=tau).double()
        self.draws = torch.Generator().manual_seed(1)

    def draw(self, batch: int) -> Tensor:
        """(seeds, batch) rows, with replacement."""
        return torch.randint(SAMPLES, (self.seeds, batch), generator=self.draws)

    def value(self, x: Tensor) -> Tensor:
        """(seeds,): the Lagrangian of each copy."""
        h, u, y = self.a @ x, self._rows(self.dual.u), self._rows(self.dual.y)
        square = (h - self.t).square()
        terms = square / (1 + square) + 0.5 * SIGMA * (u - h).square() + y * u - y.abs()
        return terms.sum(dim=2).mean(dim=1)

    def gradient(self, x: Tensor, u: Tensor, rows: Tensor | None = None) -> Tensor:
        """(seeds, WIDTH, BITS): of mean F_i over the rows (seeds, b), or over all samples, at x and u (all rows)."""
        a, t, u = self.a.expand(self.seeds, -1, -1), self.t.expand(self.seeds, -1, -1), self._rows(u)
        if rows is not None:
            a, t, u = (m.gather(1, rows[:, :, None].expand(-1, -1, m.shape[2])) for m in (a, t, u))
        h = a @ x
        r = h - t
        return a.transpose(1, 2) @ (2 * r / (1 + r.square()).square() + SIGMA * (h - u)) / a.shape[1]

    def update_dual(self, x: Tensor) -> None:
        """(IV.3) and (IV.4) of all samples at h(x)."""
        self.dual.update(None, (self.a @ x).reshape(-1, BITS))

    def stationarity(self, x: Tensor) -> float:
        """dist(0, dL)^2 at (x, u, y), mean over the copies."""
        u, y, h = self._rows(self.dual.u), self._rows(self.dual.y), self.a @ x
        theta = self.gradient(x, self.dual.u).square().sum(dim=(1, 2))
        per_sample = (SIGMA * (u - h) + y).square() + distance_to_conjugate_subgradient(u, y, LAM).square()
        return float((theta + per_sample.sum(dim=2).mean(dim=1)).mean())

    def _rows(self, flat: Tensor) -> Tensor:
        return flat.view(self.seeds, SAMPLES, BITS)


@torch.no_grad()
def stom(iterations: int, batch: int, lr: float = 0.02, beta: float = 0.9, seeds: int = 8) -> float:
    """Mean over the iterates of dist(0, dL)^2 of StoM with Nesterov's gamma = beta."""
    problem = Problem(seeds)
    optimizer = StoM([problem.x], lr=lr, beta=beta)
    total = 0.0
    for _ in range(iterations):
        problem.x.grad = problem.gradient(problem.x, problem.dual.u, problem.draw(batch))
        optimizer.step()
        iterate = optimizer.iterate(problem.x)
        problem.update_dual(iterate)
        total += problem.stationarity(iterate)
    return total / iterations


@torch.no_grad()
def storm(iterations: int, lr: float = 0.3, a: float = 8.0, seeds: int = 8, looks: int = 1024) -> float:
    """Mean over `looks` of the iterates of dist(0, dL)^2 of StoRM at the scaling (V.11), single samples."""
    problem = Problem(seeds)
    weight = min(1.0, a * iterations ** (-2 / 3))
    optimizer = StoRM([problem.x], lr=lr * iterations ** (-1 / 3), a=weight)
    every = max(1, iterations // looks)
    total = seen = 0.0
    previous = problem.dual.u.clone()
    for k in range(iterations):
        rows = problem.draw(math.ceil(iterations ** (1 / 3)) if k == 0 else 1)

        def closure(rows: Tensor = rows) -> None:
            problem.x.grad = problem.gradient(problem.x, previous if optimizer.at_previous else problem.dual.u, rows)

        closure()
        optimizer.step(closure)
        previous.copy_(problem.dual.u)
        problem.update_dual(problem.x)
        if k % every == 0:
            total, seen = total + problem.stationarity(problem.x), seen + 1
    return total / seen


@torch.no_grad()
def sgd(iterations: int, lr: float = 2.0, seeds: int = 8, looks: int = 1024) -> float:
    """Mean over `looks` of the iterates of dist(0, dL)^2 of plain SGD at the rate lr / sqrt(K), single samples."""
    problem = Problem(seeds)
    optimizer = torch.optim.SGD([problem.x], lr=lr * iterations**-0.5)
    every = max(1, iterations // looks)
    total = seen = 0.0
    for k in range(iterations):
        problem.x.grad = problem.gradient(problem.x, problem.dual.u, problem.draw(1))
        optimizer.step()
        problem.update_dual(problem.x)
        if k % every == 0:
            total, seen = total + problem.stationarity(problem.x), seen + 1
    return total / seen


def slope(table: dict[int, float]) -> float:
    """Least-squares slope of log value against log key."""
    x, y = torch.tensor(list(table)).log(), torch.tensor(list(table.values())).log()
    x = x - x.mean()
    return float((x * y).sum() / x.square().sum())


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--largest", type=int, default=65536, help="iterations of StoRM's longest run (default 65536)")
    largest = parser.parse_args().largest
    stom_iterations = [256, 512, 1024, 2048]
    storm_iterations = [k for k in (1024, 4096, 16384, 65536, 262144) if k <= largest]
    tables = {
        "StoM, |S_k| = iterations (theory -0.5)": {k * k: stom(k, batch=k) for k in stom_iterations},
        "StoM, single samples (theory: a floor)": {k: stom(k, batch=1) for k in stom_iterations},
        "StoRM, single samples (theory -0.667)": {2 * k: storm(k) for k in storm_iterations},
        "SGD, single samples (theory -0.5)": {2 * k: sgd(2 * k) for k in storm_iterations},
    }
    for title, table in tables.items():
        print(f"{title}: slope {slope(table):.3f}")
        for calls, value in table.items():
            print(f"  {calls:12d} sampled gradients   mean dist(0, dL)^2 = {value:.3e}")


if __name__ == "__main__":
    main()
