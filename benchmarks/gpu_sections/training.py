"""The network of the fine-tuned protocol: built by the harness, stepped by the harness and by a bare loop."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch

from gpu_sections.section import Setting
from gpu_sections.timing import seconds_of
from hashbench.api import request
from hashbench.engine.experiment import Experiment, prepare
from hashbench.engine.reporter import Reporter
from hashbench.models import CodeBatch


def experiment(setting: Setting, method: str = "csq", **options: Any) -> Experiment:
    """A method under the protocol at 16 bits, with some options changed; nothing is trained yet."""
    catalog, spec = request(
        method,
        protocol=setting.protocol,
        bits=16,
        device=setting.device,
        out=setting.out / "runs",
        **{**setting.options, **options},
    )
    return prepare(spec, catalog, Reporter(), features=False)


@dataclass(frozen=True)
class Variant:
    """How a step is computed.

    Attributes:
        precision: `fp32`, `tf32` (fp32 whose products may be rounded to 10 bits on the way) or `bf16` (autocast).
        deterministic: as the harness trains; else whatever algorithm cuDNN finds the fastest.
    """

    precision: str = "fp32"
    channels_last: bool = False
    compiled: bool = False
    deterministic: bool = True
    batch_size: int | None = None

    def options(self) -> dict[str, Any]:
        """Of the request."""
        size = {} if self.batch_size is None else {"batch_size": self.batch_size}
        precision = "bf16" if self.precision == "bf16" else "fp32"
        return {"precision": precision, "channels_last": self.channels_last, "compile": self.compiled, **size}

    @contextmanager
    def in_force(self) -> Iterator[None]:
        """With torch's switches set so; afterwards they are as before."""
        cudnn, matmul = torch.backends.cudnn, torch.backends.cuda.matmul
        before = cudnn.allow_tf32, matmul.allow_tf32, cudnn.benchmark, torch.are_deterministic_algorithms_enabled()
        try:
            cudnn.allow_tf32 = matmul.allow_tf32 = self.precision == "tf32"
            cudnn.benchmark = not self.deterministic
            torch.use_deterministic_algorithms(self.deterministic, warn_only=True)
            yield
        finally:
            cudnn.allow_tf32, matmul.allow_tf32, cudnn.benchmark = before[:3]
            torch.use_deterministic_algorithms(before[3], warn_only=True)


class Pair:
    """Two copies of one experiment: the harness trains the one, a bare loop the other, on the same rows.

    Args:
        steps: steps in a block; each side does a block at a time.
    """

    def __init__(self, setting: Setting, variant: Variant, steps: int) -> None:
        self.ours, self.theirs = (experiment(setting, **variant.options()) for _ in range(2))
        self.batch_size = self.ours.spec.settings.batch_size
        self.rows = self.ours.roles.train[: steps * self.batch_size]
        self.steps, self.device, self.precision = steps, setting.device, variant.precision
        for one in (self.ours, self.theirs):
            one.learner.begin(one.feed, self.rows)
            one.learner.training.begin()
        self._network: Any = self.theirs.learner.model.network
        self._run = torch.compile(self._network) if variant.compiled else self._network
        self._on_device = torch.from_numpy(self.rows).to(setting.device)
        self._generator = torch.Generator().manual_seed(0)
        self._epoch = 0

    @property
    def images(self) -> int:
        """In a block."""
        return len(self.rows)

    def harness(self) -> float:
        """Seconds of a block of the harness: its loader, its step, what it records of every step."""
        self._epoch += 1
        return seconds_of(lambda: self.ours.learner.training.epoch(self._epoch - 1), self.device)

    def bare(self) -> float:
        """Seconds of a block as one writes it by hand."""
        return seconds_of(self._bare, self.device)

    def _bare(self) -> float:
        one, training = self.theirs, self.theirs.learner.training
        store, transform, optimizer = one.roles.table.on(self.device), one.feed.transform, training.optimizer
        kind, half = torch.device(self.device).type, self.precision == "bf16"
        self._network.train()
        total = torch.zeros((), device=self.device)
        order = torch.randperm(len(self.rows), generator=self._generator).to(self.device)
        for positions in order.split(self.batch_size):
            chosen = self._on_device[positions]
            images = transform(store.pick(chosen), self._generator)
            with torch.autocast(kind, torch.bfloat16, enabled=half):
                logits, codes = self._run(images)
            labels = store.labels[chosen]
            batch = CodeBatch(codes.float(), logits.float(), labels, positions, one.roles.table.num_classes)
            optimizer.zero_grad(set_to_none=True)
            loss = sum(self._network.method.loss(batch).values())
            loss.backward()
            optimizer.step()
            total += loss.detach()
        return float(total)
