"""DSDH, deep supervised discrete hashing: a pairwise likelihood, and binary codes that a linear classifier reads.

    J = sum_ij [ log(1 + e^T_ij) - s_ij T_ij ] + mu sum_i |y_i - W'b_i|^2 + nu |W|^2 + eta sum_i |b_i - u_i|^2,
    T_ij = <u_i, u_j> / 2,  b_i in {-1, +1}^K

Network, W and B are updated in turn: the network by gradient steps with B fixed, then W in closed form, then B by
discrete cyclic coordinate descent. Li, Sun, He, Tan, Deep Supervised Discrete Hashing (NIPS 2017), equations (6) to
(14).
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits, one_hot

from hashbench.models import CodeBatch, DeepMethod, FitContext
from hashbench.models.deep import require
from hashbench_baselines.code_bank import CodeBank
from hashbench_baselines.dcc import classifier, descend, signs
from hashbench_baselines.pairwise import logit_scale


class DSDH(DeepMethod):
    """DSDH on the global batch, with B (N, K), W (K, C) and the last codes U (N, K) of all training samples as buffers.

    What the network minimises is an estimate of J / N^2 with the paper's weights: a mean over pairs, and eta / N times
    the mean over samples of |b_i - u_i|^2. W and B do not depend on that scale.

    The paper's T = <u_i, u_j> / 2 reaches K/2, and its pull grows as K. By default neither depends on the length: T
    reaches `max_logit`, and the mean over samples and bits of (b - u)^2 has the weight that the paper's eta gives it at
    16 bits and N = 5,000.

    Partners of a sample in the likelihood are all training samples at their last known codes ('bank', the authors') or
    the batch ('batch'); itself is among them, in a batch at weight 1 / b instead of 1 / N. The bank carries no
    gradient, so its mean is counted twice: each pair is met from both of its sides, which gives the authors' gradient
    (S - A) U.

    With dcc='epoch', W and B of the whole training set are updated after each epoch, from B = sgn(U) before the first.
    With dcc='batch', as in the authors' code, each batch has its own W, from sgn(U_batch), and its own B, by sweeps
    from zero.

    Args:
        max_logit: T of two equal codes in {-1, +1}^K; 8 is the paper's at 16 bits.
        scale: T = scale * <u_i, u_j>; None: max_logit / K. The paper has 1/2.
        mu: weight > 0 of the classifier's error.
        nu: weight > 0 of |W|^2.
        eta: weight >= 0 of |b - u|^2; it decides between classifier and network in the B-step.
        eta_network: weight of the mean over samples and bits of (b - u)^2 in the network's loss; None: what eta
            implies, eta K / N.
        sweeps: passes over the bits in each B-step, at most; it ends early once nothing changes.
        partners: 'bank' or 'batch'.
        dcc: 'epoch' or 'batch'.
    """

    B: Tensor
    W: Tensor
    flipped: Tensor

    def __init__(
        self,
        *,
        bits: int,
        num_classes: int,
        num_train: int,
        max_logit: float = 8.0,
        scale: float | None = None,
        mu: float = 1.0,
        nu: float = 0.1,
        eta: float = 55.0,
        eta_network: float | None = 0.176,
        sweeps: int = 10,
        partners: str = "batch",
        dcc: str = "epoch",
    ) -> None:
        super().__init__(bits=bits, num_classes=num_classes, num_train=num_train)
        require(mu > 0, f"dsdh: mu = {mu} must be > 0: it weighs the classifier's error")
        require(nu > 0, f"dsdh: nu = {nu} must be > 0: without it W has no unique solution where two bits agree")
        require(eta >= 0, f"dsdh: eta = {eta} must be >= 0: it weighs |b - u|^2")
        require(eta_network is None or eta_network >= 0, f"dsdh: eta_network = {eta_network} must be >= 0 or null")
        require(sweeps == int(sweeps) and sweeps >= 1, f"dsdh: sweeps = {sweeps} must be a whole number >= 1")
        require(partners in ("bank", "batch"), f"dsdh: partners = {partners!r} must be bank or batch")
        require(dcc in ("epoch", "batch"), f"dsdh: dcc = {dcc!r} must be epoch or batch")
        self.scale = logit_scale("dsdh", bits, max_logit, scale)
        self.ridge, self.pull = nu / mu, eta / mu
        self.eta_network = eta * bits / num_train if eta_network is None else eta_network
        self.sweeps, self.partners, self.dcc = int(sweeps), partners, dcc
        self.bank = CodeBank(num_train, bits, num_classes)
        self.register_buffer("B", torch.ones(num_train, bits))
        self.register_buffer("W", torch.zeros(bits, num_classes))
        self.register_buffer("flipped", torch.zeros(()))

    def loss(self, batch: CodeBatch) -> dict[str, Tensor]:
        """The likelihood of the pairs, and the pull of (b, K) codes towards their binary codes."""
        return {
            "likelihood": self._likelihood(batch),
            "quantization": self.eta_network * (self.binary_codes(batch) - batch.codes).square().mean(),
        }

    def _likelihood(self, batch: CodeBatch) -> Tensor:
        codes = batch.codes
        if self.partners == "batch":
            return binary_cross_entropy_with_logits(self.scale * (codes @ codes.T), batch.similarity)
        bank, similar, known = self.bank.partners(batch)
        each = binary_cross_entropy_with_logits(self.scale * (codes @ bank.T), similar, reduction="none")
        return 2 * (each @ known).mean() / known.sum()

    @torch.no_grad()
    def binary_codes(self, batch: CodeBatch) -> Tensor:
        """b_i of the samples of a batch: (b, K) of -1 and +1."""
        codes = batch.codes.detach()
        if self.dcc == "batch":
            weights = classifier(signs(codes), batch.targets, self.ridge)
            return descend(torch.zeros_like(codes), weights, batch.targets, codes, self.pull, self.sweeps)
        return torch.where(self.bank.known[batch.index, None], self.B[batch.index].to(codes.dtype), signs(codes))

    def begin_fit(self, fit: FitContext) -> None:
        """U from the network as it is, B = sgn(U)."""
        targets = fit.labels if fit.labels.ndim == 2 else one_hot(fit.labels, self.num_classes)
        self.bank.write(torch.arange(self.num_train, device=self.B.device), fit.codes(), targets)
        self.B.copy_(signs(self.bank.codes))

    def after_step(self, fit: FitContext, batch: CodeBatch) -> None:
        """Keep the batch's codes as rows of U."""
        self.bank.write(batch.index, batch.codes, batch.targets)

    @torch.no_grad()
    def end_epoch(self, fit: FitContext) -> None:
        """With dcc='epoch': the W-step, then the B-step, on all training samples."""
        if self.dcc == "batch":
            return
        targets = self.bank.targets.to(self.B.dtype)
        self.W.copy_(classifier(self.B, targets, self.ridge))
        new = descend(self.B, self.W, targets, self.bank.codes, self.pull, self.sweeps)
        self.flipped.copy_((new != self.B).float().mean())
        self.B.copy_(new)

    def diagnostics(self) -> dict[str, float]:
        """`dcc_flipped`: share of all bits that the last B-step changed."""
        return {"dcc_flipped": float(self.flipped)} if self.dcc == "epoch" else {}
