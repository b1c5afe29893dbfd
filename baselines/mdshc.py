"""MDSHC, minimal-distance-separated hash centres: every class has a binary centre, far from all others by construction.

Stage 1 finds centres h_1 .. h_C in {-1, +1}^K at pairwise distance d, where d comes from the Gilbert-Varshamov bound;
see `distance_bounds` and `hash_centres`. Stage 2 trains u = tanh(BN(linear)) with L = L_C + beta L_P + lam L_Q:

    L_C = -mean_ic [ s_ic log p_ic + (1 - s_ic) log(1 - p_ic) ],   p_i = softmax_c( sqrt(K) cos(u_i, h_c) )
    L_P = mean over pairs that share a label of log(1 + exp( (1 - cos(u_i, v_j)) / 2 ))
    L_Q = mean_ik (|u_ik| - 1)^2

s is the (multi-)hot target; v_j is the code of training sample j by a momentum encoder when j was last in a batch.
Wang, Pan, Liu, Zhang, Xu, Deep Hashing with Minimal-Distance-Separated Hash Centers (CVPR 2023).
"""

from __future__ import annotations

import warnings

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import normalize, softplus

from hashbench.models import CodeBatch, DeepMethod, FitContext
from hashbench.models.deep import require
from hashbench_baselines.code_bank import CodeBank
from hashbench_baselines.codewords import smallest_distance
from hashbench_baselines.hash_centres import hadamard_centres, minimal_distance_centres
from hashbench_baselines.momentum_encoder import MomentumEncoder

LONG = 1_000_000
"""Classes^2 times bits from which on a sweep over the centres takes seconds, and the sweeps together half a minute."""


class MDSHC(DeepMethod):
    """MDSHC. Centres, bank and momentum weights are buffers: all are in the checkpoint.

    Samples with several labels are pulled towards all their centres by the same L_C, as in the authors' code; p is
    still a softmax over classes, so the pull to one centre is a push from another. A sample's own code by the momentum
    encoder is among its positives in L_P.

    Args:
        beta: weight >= 0 of L_P.
        lam: weight >= 0 of L_Q.
        momentum: m in [0, 1) of the momentum encoder.
        epoch_change: L_P counts from this epoch on (the first is 0): 9 in the authors' code, 3 in DualHash's runs. The
            momentum encoder fills the bank from one earlier.
        centres: 'separated' for stage 1, or 'hadamard' for its starting point alone.
        centre_sweeps: sweeps of the constrained optimisation over all centres, at most.
    """

    needs_inputs = True
    centres: Tensor

    def __init__(
        self,
        *,
        bits: int,
        num_classes: int,
        num_train: int,
        beta: float = 1.0,
        lam: float = 0.0001,
        momentum: float = 0.9,
        epoch_change: int = 3,
        centres: str = "separated",
        centre_sweeps: int = 50,
    ) -> None:
        super().__init__(bits=bits, num_classes=num_classes, num_train=num_train)
        require(num_classes >= 2, f"mdshc: {num_classes} class leaves nothing to separate: it needs at least 2")
        require(
            num_classes <= 1 << bits,
            f"mdshc: {num_classes} classes need as many centres, and {bits} bits give {1 << bits}: take more bits",
        )
        require(beta >= 0, f"mdshc: beta = {beta} must be >= 0: it weighs the loss of positive pairs")
        require(lam >= 0, f"mdshc: lam = {lam} must be >= 0: it weighs the quantisation loss")
        require(0 <= momentum < 1, f"mdshc: momentum = {momentum} must be in [0, 1)")
        require(epoch_change >= 0, f"mdshc: epoch_change = {epoch_change} must be >= 0: it is a number of epochs")
        require(centres in ("separated", "hadamard"), f"mdshc: centres = {centres!r} must be separated or hadamard")
        require(centre_sweeps >= 0, f"mdshc: centre_sweeps = {centre_sweeps} must be >= 0")
        if centres == "separated" and centre_sweeps and num_classes**2 * bits >= LONG:
            warnings.warn(
                f"before the first epoch, {num_classes} centres of {bits} bits are optimised one by one, in up to "
                f"{centre_sweeps} sweeps: minutes, growing with the square of the classes. centre_sweeps=0 leaves it "
                "to the quicker search by single bits, centres=hadamard skips both",
                stacklevel=2,
            )
        self.beta, self.lam, self.epoch_change = beta, lam, epoch_change
        self.separated, self.centre_sweeps = centres == "separated", centre_sweeps
        self.epoch = 0
        start = hadamard_centres(bits, num_classes, np.random.default_rng(0))
        self.register_buffer("centres", torch.from_numpy(start).float())
        self.bank = CodeBank(num_train, bits, num_classes)
        self.encoder = MomentumEncoder(momentum)
        self._encoded: tuple[CodeBatch, Tensor] | None = None

    def code_layer(self, in_features: int) -> nn.Module:
        """Linear with weights from N(0, 0.01^2) and zero bias, then batch norm."""
        linear = nn.Linear(in_features, self.bits)
        nn.init.normal_(linear.weight, std=0.01)
        nn.init.zeros_(linear.bias)
        return nn.Sequential(linear, nn.BatchNorm1d(self.bits))

    def activation(self, logits: Tensor) -> Tensor:
        """tanh."""
        return logits.tanh()

    def loss(self, batch: CodeBatch) -> dict[str, Tensor]:
        """The three losses; L_P from `epoch_change` on."""
        scores = self.bits**0.5 * normalize(batch.codes) @ normalize(self.centres.to(batch.codes.dtype)).T
        terms = {
            "centre": centre_loss(scores, batch.targets),
            "quantization": self.lam * (batch.codes.abs() - 1).square().mean(),
        }
        encoded = self._momentum_codes(batch)
        self._encoded = batch, encoded  # for after_step, which writes them into the bank
        if self.epoch >= self.epoch_change:
            terms["pair"] = self.beta * self._pair_loss(batch, encoded)
        return terms

    def _pair_loss(self, batch: CodeBatch, encoded: Tensor) -> Tensor:
        """L_P: the mean over all pairs of the batch and the bank that share a label."""
        if not batch.multilabel and batch.codes.device.type == "cpu":
            return self._pair_loss_by_class(batch, encoded)
        bank, similar, known = self.bank.partners(batch, encoded)
        cosine = normalize(batch.codes) @ normalize(bank).T
        positive = similar * known
        return (positive * softplus((1 - cosine) / 2)).sum() / positive.sum().clamp(min=1)

    def _pair_loss_by_class(self, batch: CodeBatch, encoded: Tensor) -> Tensor:
        """The same where samples have one label: pairs within each class, a C-th of all."""
        codes = normalize(batch.codes)
        bank = self.bank.codes.to(codes.dtype).index_copy(0, batch.index, encoded.to(codes.dtype))
        known = self.bank.known.index_fill(0, batch.index, True)
        labels = self.bank.targets.argmax(1).index_copy(0, batch.index, batch.labels)
        total, pairs = codes.new_zeros(()), 0
        for label in batch.labels.unique():
            own = codes[batch.labels == label]
            partners = normalize(bank[(labels == label) & known])
            total = total + softplus((1 - own @ partners.T) / 2).sum()
            pairs += len(own) * len(partners)
        return total / max(1, pairs)

    def _momentum_codes(self, batch: CodeBatch) -> Tensor:
        """(b, K) codes by the momentum encoder; the batch's own where there is none yet or nothing will read them."""
        if self.epoch + 1 < self.epoch_change or not self.encoder.ready or batch.inputs is None:
            return batch.codes.detach()
        return self.encoder(batch.inputs)

    def begin_fit(self, fit: FitContext) -> None:
        """Stage 1, with the centres dealt to the classes at random, and the first weights of the momentum encoder."""
        rng = np.random.default_rng(int(torch.randint(2**63 - 1, (), generator=fit.generator)))
        if self.separated:
            found = minimal_distance_centres(self.bits, self.num_classes, rng, self.centre_sweeps)
        else:
            found = hadamard_centres(self.bits, self.num_classes, rng)
        self.centres.copy_(torch.from_numpy(rng.permutation(found)))
        self.encoder.start(fit.network)

    def begin_epoch(self, fit: FitContext) -> None:
        """Take the epoch's number, and the network that the momentum encoder follows."""
        self.epoch = fit.epoch
        self.encoder.attach(fit.network)

    def after_step(self, fit: FitContext, batch: CodeBatch) -> None:
        """Write the batch into the bank, then move the momentum encoder towards the network."""
        last, codes = self._encoded or (None, batch.codes)
        self.bank.write(batch.index, codes if last is batch else self._momentum_codes(batch), batch.targets)
        self._encoded = None
        if self.encoder.ready:
            self.encoder.update()

    def diagnostics(self) -> dict[str, float]:
        """`centre_distance`: the smallest Hamming distance between two centres."""
        return {"centre_distance": float(smallest_distance(self.centres.cpu().numpy()))}


def centre_loss(scores: Tensor, targets: Tensor) -> Tensor:
    """-mean [ s log p + (1 - s) log(1 - p) ] with p the softmax of the scores, without rounding where p is near 1.

    log(1 - p) of the largest p is the logarithm of the sum of the others, not of a difference.

    Args:
        scores: (b, C) float, C >= 2.
        targets: (b, C) of the same dtype, 0 or 1.
    """
    log_p = scores.log_softmax(dim=1)
    largest = torch.zeros_like(log_p, dtype=torch.bool).scatter_(1, log_p.argmax(dim=1, keepdim=True), True)
    rest = log_p.masked_fill(largest, -torch.inf).logsumexp(dim=1, keepdim=True)
    log_not_p = torch.where(largest, rest, torch.log1p(-log_p.masked_fill(largest, -torch.inf).exp()))
    return -(targets * log_p + (1 - targets) * log_not_p).mean()
