"""The split variable u of all training samples, and the state that goes with it, updated by sample index.

DualHash splits the network's outputs h off from codes u and couples the two by sigma/2 ||u - h||^2, equation (P).
What is common to the primal-dual method and its ablations is here: storage, addressing by index, whole or partial
updates. A subclass says how the rows advance.
"""

from __future__ import annotations

import warnings
from abc import ABC, abstractmethod
from collections.abc import Iterator

import torch
from torch import Tensor, nn

from hashbench.models.deep import require
from hashbench_dualhash.prox import prox_w, prox_weakly_convex

CHUNK = 1 << 16
"""Elements worked on at a time where all samples are: few enough to stay in a processor's cache between operations."""


class SplitState(nn.Module, ABC):
    """u of all samples, with a gradient step on u for the coupling.

    Everything is a buffer, so it is in the checkpoint. Several processes that share the samples each keep the whole
    state: all see the same global batch and make the same update, and nothing is communicated.

    Args:
        num_train: N.
        bits: K.
        sigma: weight of the coupling, sigma >= 0.
        lam: weight lambda >= 0 of the regulariser.
        eta_u: step size > 0 of u.
        sweeps: updates made in a row with the same outputs (the authors' `dcc`).

    Attributes:
        u: (N, K) float32 buffer.
        moved: 0-dim buffer, mean over the samples of the last update of ||u_{k+1} - u_k||^2, summed over bits.

    Warns:
        UserWarning: where eta_u * sigma >= 2.
    """

    buffers_of_state: tuple[str, ...] = ("u",)
    u: Tensor
    moved: Tensor

    def __init__(self, num_train: int, bits: int, *, sigma: float, lam: float, eta_u: float, sweeps: int = 1) -> None:
        super().__init__()
        require(sigma >= 0, f"sigma = {sigma} must be >= 0: it weighs ||u - h||^2")
        require(lam >= 0, f"lam = {lam} must be >= 0: it weighs the regulariser")
        require(eta_u > 0, f"eta_u = {eta_u} must be > 0: it is the step size of u")
        require(sweeps == int(sweeps) and sweeps >= 1, f"inner_sweeps = {sweeps} must be a whole number >= 1")
        if eta_u * sigma >= 2:
            warnings.warn(
                f"eta_u * sigma = {eta_u * sigma:g} >= 2: a step takes u as far beyond the outputs as it was off, or "
                "farther, and u does not converge; take eta_u <= 1 / sigma",
                stacklevel=3,
            )
        self.sigma, self.lam, self.eta_u, self.sweeps = sigma, lam, eta_u, int(sweeps)
        for name in self.buffers_of_state:
            self.register_buffer(name, torch.zeros(num_train, bits))
        self.register_buffer("moved", torch.zeros(()))

    def start(self, u: Tensor) -> None:
        """Set u_0 from (N, K) codes, and all else to its first value."""
        self.u.copy_(u)

    @abstractmethod
    def advance(self, h: Tensor, u: Tensor, *others: Tensor) -> tuple[Tensor, ...]:
        """One update of some rows: outputs h and the rows of `buffers_of_state`, all (m, K), to the new rows."""

    def coupling_step(self, u: Tensor, h: Tensor) -> Tensor:
        """u - eta_u * sigma * (u - h): the gradient step on the coupling."""
        return torch.lerp(u, h, self.eta_u * self.sigma)

    @torch.no_grad()
    def update(self, index: Tensor | None, outputs: Tensor) -> None:
        """Advance the rows of some samples, or of all.

        Args:
            index: (m,) int64 rows, or None for all. A sample that occurs several times is advanced once, with its last
                outputs.
            outputs: h, (m, K) or (N, K).
        """
        if index is not None:
            index, outputs = latest(index, outputs)
        count = len(self.u) if index is None else len(index)
        moved = torch.zeros_like(self.moved)
        for part in parts(count, self.u.shape[1]):
            rows = part if index is None else index[part]
            old = [getattr(self, name)[rows] for name in self.buffers_of_state]
            new = self._sweep(outputs[part], *old)
            moved += (new[0] - old[0]).square_().sum()
            for name, value in reversed(list(zip(self.buffers_of_state, new, strict=True))):
                getattr(self, name)[rows] = value  # u last: what a later buffer takes over may be a view of it
        self.moved.copy_(moved / count)

    def _sweep(self, h: Tensor, *rows: Tensor) -> tuple[Tensor, ...]:
        h = h.to(self.u.dtype)
        for _ in range(self.sweeps):
            rows = self.advance(h, *rows)
        return rows


class PrimalState(SplitState):
    """The regulariser itself by its primal prox: u+ = prox_{eta_u R}(u - eta_u sigma (u - h)), R = lam ||u| - 1|."""

    def advance(self, h: Tensor, u: Tensor, *others: Tensor) -> tuple[Tensor, ...]:
        """One proximal gradient step of (m, K) rows."""
        return (prox_w(self.coupling_step(u, h), self.eta_u, self.lam),)


class WeaklyConvexState(SplitState):
    """The weakly convex h(u) = lam |u^2 - 1| by an inertial proximal gradient step, as iSPALM does it.

    w = u + inertia * (u - u_previous), u+ = prox_{eta_u h}(w - eta_u sigma (w - h)).

    Args:
        inertia: in [0, 1); 0 is the plain proximal gradient step, and then u_previous is not kept.
    """

    def __init__(
        self,
        num_train: int,
        bits: int,
        *,
        sigma: float,
        lam: float,
        eta_u: float,
        sweeps: int = 1,
        inertia: float = 0.5,
    ) -> None:
        require(0 <= inertia < 1, f"inertia = {inertia} must be in [0, 1)")
        require(
            2 * lam * eta_u < 1,
            f"2 * lam * eta_u = {2 * lam * eta_u:g} must be < 1 for the prox of |u^2 - 1| to have one solution: "
            "lower lam or eta_u",
        )
        self.buffers_of_state = ("u", "u_previous") if inertia else ("u",)
        super().__init__(num_train, bits, sigma=sigma, lam=lam, eta_u=eta_u, sweeps=sweeps)
        self.inertia = inertia

    def start(self, u: Tensor) -> None:
        """u_0 = u_{-1}: no inertia in the first step."""
        for name in self.buffers_of_state:
            getattr(self, name).copy_(u)

    def advance(self, h: Tensor, u: Tensor, *others: Tensor) -> tuple[Tensor, ...]:
        """One inertial proximal gradient step of (m, K) rows."""
        w = u + self.inertia * (u - others[0]) if others else u
        new = prox_weakly_convex(self.coupling_step(w, h), self.eta_u, self.lam)
        return (new, u) if others else (new,)


def parts(rows: int, width: int) -> Iterator[slice]:
    """Slices that cover the rows of a matrix, of at most `CHUNK` elements (and at least a row) each."""
    step = max(1, CHUNK // width)
    return (slice(first, first + step) for first in range(0, rows, step))


def latest(index: Tensor, outputs: Tensor) -> tuple[Tensor, Tensor]:
    """Each sample once, with its last outputs: (m,) and (m, K) to (n,) ascending and (n, K), n <= m."""
    order = index.argsort(stable=True)
    ordered = index[order]
    last = torch.ones_like(ordered, dtype=torch.bool)
    last[:-1] = ordered[1:] != ordered[:-1]
    chosen = order[last]
    return index[chosen], outputs[chosen]
