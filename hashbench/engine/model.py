"""A deep network with its loss: one step on the global batch, whatever the number of processes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from mmengine.model import BaseDataPreprocessor, BaseModel
from mmengine.optim import OptimWrapper
from torch import Tensor, nn

from hashbench.engine.distributed import gather_rows, sum_gradients, world_size
from hashbench.engine.loss_terms import total_loss
from hashbench.models import CodeBatch, HashNetwork
from hashbench.models.network import Output

Terms = dict[str, Tensor]
"""The terms of a loss by name, scalars whose sum is minimised."""


class DeepModel(BaseModel):
    """Steps a `HashNetwork` on the global batch.

    Args:
        network: what is trained.
        num_classes: C.
        precision: `fp32`, or `bf16` for autocast in the network; the loss is always computed in float32.
        compile_network: run the network through torch.compile.
        channels_last: keep images and convolution weights in channels-last layout.
    """

    ranking = "hamming"

    def __init__(
        self,
        network: HashNetwork,
        num_classes: int,
        precision: str = "fp32",
        compile_network: bool = False,
        channels_last: bool = False,
    ) -> None:
        super().__init__(BaseDataPreprocessor())  # given, mmengine does not look it up in its registries
        self.network = network.to(memory_format=torch.channels_last) if channels_last else network
        self.num_classes = num_classes
        self.precision = precision
        # In a tuple, so that the compiled network is no second submodule and the state dict keeps its names.
        self._run = (torch.compile(self.network) if compile_network else self.network,)
        self._global_inputs = network.method.needs_inputs

    def forward(self, inputs: Tensor, **_: Any) -> Output:
        """(b, ...) inputs -> logits and codes, both (b, K) float32."""
        if self.precision == "bf16":
            with torch.autocast(inputs.device.type, dtype=torch.bfloat16):
                output = self._run[0](inputs)
            return Output(output.logits.float(), output.codes.float())
        return self._run[0](inputs)

    def batch(self, data: dict[str, Tensor], replay: bool = False) -> CodeBatch:
        """One forward pass: the global batch as the method sees it."""
        output = self.forward(data["inputs"])
        if world_size() > 1:
            # What follows the gathering is computed alike on every process, the activation too: see `sum_gradients`.
            logits = gather_rows(output.logits)
            output = Output(logits, self.network.method.activation(logits))
        return CodeBatch(
            codes=output.codes,
            logits=output.logits,
            labels=gather_rows(data["labels"]),
            index=gather_rows(data["index"]),
            num_classes=self.num_classes,
            inputs=gather_rows(data["inputs"]) if self._global_inputs else None,
            replay=replay,
        )

    def backward(
        self, data: dict[str, Tensor], optimizer: torch.optim.Optimizer, replay: bool = False
    ) -> tuple[CodeBatch, Terms]:
        """Gradients of the loss in place of what the optimizer's parameters had; the batch and the loss's terms."""
        optimizer.zero_grad(set_to_none=True)
        batch = self.batch(data, replay)
        terms = self.network.method.loss(batch)
        total_loss(self.network.method, terms).backward()
        sum_gradients(self.network.parameters(), replicated=self.network.method.parameters())
        return batch, terms

    def train_step(  # type: ignore[override]
        self, data: dict[str, Tensor], optim_wrapper: OptimWrapper
    ) -> tuple[CodeBatch, Terms]:
        """Forward, backward, step. Returns the batch that made the step and the terms of its loss, detached."""
        optimizer = optim_wrapper.optimizer
        random_state = _random_state(data["inputs"]) if getattr(optimizer, "uses_closure", False) else None
        batch, terms = self.backward(data, optimizer)
        if random_state is None:
            optimizer.step()
        else:

            def again() -> Tensor:
                with _replayed(self.network, random_state):
                    _, terms = self.backward(data, optimizer, replay=True)
                return sum(terms.values()).detach()  # type: ignore[union-attr]

            optimizer.step(again)
        batch.codes, batch.logits = batch.codes.detach(), batch.logits.detach()
        return batch, {name: value.detach() for name, value in terms.items()}

    def encode(self, inputs: Tensor) -> Tensor:
        """(b, ...) inputs -> (b, K) float32 codes whose signs are the bits."""
        return self.forward(inputs).codes


def _random_state(like: Tensor) -> dict[torch.device, Tensor]:
    """State of the generators that a forward pass draws from: the CPU's, and that of the inputs' GPU."""
    states = {torch.device("cpu"): torch.get_rng_state()}
    if like.is_cuda:
        states[like.device] = torch.cuda.get_rng_state(like.device)
    return states


@contextmanager
def _replayed(network: nn.Module, states: dict[torch.device, Tensor]) -> Iterator[None]:
    """A second pass over a batch: the same random numbers, and running statistics as if it had not happened."""
    buffers = {
        n: b.clone()
        for n, b in network.named_buffers()
        if n.endswith(("running_mean", "running_var", "num_batches_tracked"))
    }
    gpus = [device for device in states if device.type == "cuda"]
    with torch.random.fork_rng(devices=[gpu.index for gpu in gpus]):
        torch.set_rng_state(states[torch.device("cpu")])
        for gpu in gpus:
            torch.cuda.set_rng_state(states[gpu], gpu)
        yield
    own = dict(network.named_buffers())
    with torch.no_grad():
        for name, value in buffers.items():
            own[name].copy_(value)
