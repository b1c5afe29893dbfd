"""A similarity loss on the paper's hash layer and nothing else: what all ablations share, and the plainest of them."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from hashbench.errors import UserError, did_you_mean
from hashbench.models import CodeBatch, DeepMethod, FitContext
from hashbench.models.deep import require
from hashbench_dualhash.losses import pairwise, pointwise, triplet
from hashbench_dualhash.record import EpochRecord
from hashbench_dualhash.split_state import parts

SIMILARITY_LOSSES = ("pairwise", "pointwise", "triplet")
OUTPUTS = {"tanh": torch.tanh, "softsign": nn.functional.softsign, "linear": lambda logits: logits}


class LikelihoodHash(DeepMethod):
    """Similarity loss alone, (III.1) without a regulariser.

    The hash layer is Linear, BatchNorm, tanh with Kaiming-normal weights and a zero bias, as in the authors' code.

    Args:
        alpha: scale of T_ij = alpha <u_i, u_j> / 2 in the loss; None: 2 max_logit / (bits amplitude^2). The text has 1,
            the authors' code 0.1.
        max_logit: the largest |T_ij| of codes in [-amplitude, amplitude], the same at every length.
        similarity_loss: 'pairwise' (S1), 'pointwise' (cross entropy of a learned linear classifier of alpha * codes) or
            'triplet' (DTSH's likelihood over all triplets of the batch).
        margin: of the triplet loss, in units of T.
        output: activation of the hash layer: 'tanh', 'softsign' or 'linear'.
        output_scale: factor on the logits inside the activation.
        amplitude: factor on the activation. Above 1, outputs can leave the box [-1, 1]; the likelihood itself does not
            change with it, since alpha goes with amplitude^-2 unless it is given.
        batch_norm: whether the hash layer ends in batch normalisation.
        bits, num_classes, num_train: K, C, N, from the harness.
    """

    oracle_calls: Tensor

    def __init__(
        self,
        *,
        bits: int,
        num_classes: int,
        num_train: int,
        alpha: float | None = None,
        max_logit: float = 8.0,
        similarity_loss: str = "pairwise",
        margin: float = 2.0,
        output: str = "tanh",
        output_scale: float = 1.0,
        amplitude: float = 1.0,
        batch_norm: bool = True,
    ) -> None:
        super().__init__(bits=bits, num_classes=num_classes, num_train=num_train)
        choose("similarity_loss", similarity_loss, SIMILARITY_LOSSES)
        choose("output", output, OUTPUTS)
        require(alpha is None or alpha > 0, f"alpha = {alpha} must be > 0: it scales the inner products of the loss")
        require(max_logit > 0, f"max_logit = {max_logit} must be > 0: it is the largest |T|")
        require(output_scale > 0, f"output_scale = {output_scale} must be > 0")
        require(amplitude > 0, f"amplitude = {amplitude} must be > 0: it is the largest |output|")
        require(margin >= 0, f"margin = {margin} must be >= 0")
        self.alpha = 2.0 * max_logit / (bits * amplitude**2) if alpha is None else float(alpha)
        self.similarity_loss, self.margin = similarity_loss, float(margin)
        self.output, self.batch_norm = output, batch_norm
        self.output_scale, self.amplitude = float(output_scale), float(amplitude)
        self.classifier = nn.Linear(bits, num_classes) if similarity_loss == "pointwise" else None
        self.register_buffer("oracle_calls", torch.zeros((), dtype=torch.int64))
        self.record = EpochRecord(num_train)
        self._report: dict[str, float] = {}

    def code_layer(self, in_features: int) -> nn.Module:
        """Linear, then batch normalisation if asked for: (b, in_features) -> (b, K)."""
        linear = nn.Linear(in_features, self.bits)
        nn.init.kaiming_normal_(linear.weight)
        nn.init.zeros_(linear.bias)
        return nn.Sequential(linear, nn.BatchNorm1d(self.bits)) if self.batch_norm else linear

    def activation(self, logits: Tensor) -> Tensor:
        """(b, K) logits -> (b, K) codes h."""
        codes = OUTPUTS[self.output](logits if self.output_scale == 1 else self.output_scale * logits)
        return codes if self.amplitude == 1 else self.amplitude * codes

    def loss(self, batch: CodeBatch) -> dict[str, Tensor]:
        """The similarity loss of the batch.

        Raises:
            UserError: the batch has a single sample, of which no pair can be made.
        """
        require(
            len(batch.codes) > 1, "a batch with one sample has no pairs: set batch_size >= 2, or drop the last batch"
        )
        value = self.similarity_term(batch)
        self.oracle_calls.add_(len(batch.codes))
        if not batch.replay:
            self.record.losses.append(value.detach())
        return {"similarity": value}

    def similarity_term(self, batch: CodeBatch) -> Tensor:
        """The loss chosen by `similarity_loss`: a scalar."""
        if self.classifier is not None:
            return pointwise(self.classifier(self.alpha * batch.codes), batch.labels)
        if self.similarity_loss == "triplet":
            return triplet(batch.codes, batch.similarity, self.alpha, self.margin)
        return pairwise(batch.codes, batch.similarity, self.alpha)

    def begin_epoch(self, fit: FitContext) -> None:
        """Forget what the last epoch recorded."""
        self.record.clear()

    def after_step(self, fit: FitContext, batch: CodeBatch) -> None:
        """Record the outputs of the step."""
        self.record.add(batch.index, batch.codes)

    def end_epoch(self, fit: FitContext) -> None:
        """Summarise the epoch for `diagnostics`."""
        if self.record.steps:
            self._report = self.summary()

    def summary(self) -> dict[str, float]:
        """Samples whose gradient was taken since the start, and the mean of ||h| - 1| over the samples of the epoch."""
        _, outputs = self.record.outputs()
        gap = outputs.new_zeros(())
        for part in parts(*outputs.shape):
            gap += (outputs[part].abs() - 1).abs_().sum()
        return {"oracle_calls": float(self.oracle_calls), "quantization_error": float(gap) / outputs.numel()}

    def diagnostics(self) -> dict[str, float]:
        """The summary of the last epoch."""
        return self._report


def choose(option: str, value: str, known: object) -> None:
    """Raise UserError, with the nearest name, unless the value of an option is one of those known."""
    names = list(known)  # type: ignore[call-overload]
    if value not in names:
        raise UserError(f"{option} = {value!r} is not known. {did_you_mean(str(value), names)}")
