"""Checks of a deep method in training: its codes, its random numbers, its checkpoint, reduced precision."""

from __future__ import annotations

import io
from typing import Any

import torch

from hashbench.testing.check import expect, one_line, scramble
from hashbench.testing.subject import Subject
from hashbench.testing.training import BITS, FIRST, LAST, ShortTraining, trained


def check_codes(subject: Subject) -> None:
    """Codes are (b, K) finite float32, and in evaluation those of a sample do not depend on the others."""
    training = trained(subject)
    training.model.eval()
    with torch.no_grad():
        together = training.model.encode(training.table.inputs[:10])
        alone = torch.cat([training.model.encode(row[None]) for row in training.table.inputs[:10]])
    expect(
        together.shape == (10, BITS),
        f"codes of 10 samples in {BITS} bits have shape {tuple(together.shape)}, not (10, {BITS}): see code_layer and "
        "activation",
    )
    expect(together.dtype == torch.float32, f"codes are {together.dtype}, not float32")
    expect(bool(torch.isfinite(together).all()), "codes are not finite after a short training")
    difference = float((together - alone).abs().max())
    expect(difference < 1e-4, f"codes of a sample depend on the rest of the batch, by up to {difference:.3g}")


def check_deterministic(subject: Subject) -> None:
    """Two trainings from one seed are equal bit for bit, whatever the global streams of numpy and random were."""
    ended = []
    for noise in (1, 2):
        scramble(noise)
        ended.append(ShortTraining(subject).begin().epoch(FIRST).epoch(FIRST + 1).epoch(LAST))
    _expect_equal(ended[0], ended[1], "two trainings from one seed differ")


def check_state_round_trip(subject: Subject) -> None:
    """A training that is saved after an epoch and restored goes on bit for bit as the one that was not."""
    whole = ShortTraining(subject).begin().epoch(FIRST)
    buffer = io.BytesIO()
    torch.save(whole.state(), buffer)
    buffer.seek(0)
    try:
        saved = torch.load(buffer, weights_only=True)
    except Exception as error:  # torch raises several kinds for what is no tensor and no plain value
        expect(False, f"the state holds something else than tensors and plain values: {one_line(error)}")
    resumed = ShortTraining(subject)
    try:
        resumed.restore(saved)
    except (RuntimeError, ValueError, KeyError) as error:
        expect(False, f"the saved state cannot be loaded again: {one_line(error)}")
    whole.losses.clear()
    for training in (whole, resumed):
        scramble(3)
        try:
            training.epoch(FIRST + 1).epoch(LAST)
        except Exception as error:  # whatever a method raises whose state did not come back
            which = "a restored" if training is resumed else "an uninterrupted"
            expect(False, f"{which} training fails: {type(error).__name__}: {one_line(error)}")
    _expect_equal(whole, resumed, "a restored training goes on differently; keep state in buffers")


def check_bf16(subject: Subject) -> None:
    """Trains under bfloat16 autocast: finite loss, finite float32 codes."""
    training = trained(subject, precision="bf16")
    for step, terms in enumerate(training.losses):
        for name, value in terms.items():
            expect(abs(value) < float("inf"), f"bf16: term {name!r} is {value} in step {step + 1}")
    training.model.eval()
    with torch.no_grad():
        codes = training.model.encode(training.table.inputs)
    expect(codes.dtype == torch.float32 and bool(torch.isfinite(codes).all()), "bf16: codes are not finite float32")


def _expect_equal(a: ShortTraining, b: ShortTraining, what: str) -> None:
    """Losses, states and diagnostics are the same."""
    for step, (first, second) in enumerate(zip(a.losses, b.losses, strict=True)):
        expect(repr(first) == repr(second), f"{what}: loss {first} and {second} in step {step + 1}")
    one, other = (_tensors(training.model.state_dict()) for training in (a, b))
    expect(set(one) == set(other), f"{what}: one state has {sorted(set(one) ^ set(other))} and the other has not")
    for name, value in one.items():
        same = torch.equal(torch.nan_to_num(value), torch.nan_to_num(other[name]))
        expect(same, f"{what}: {name} ends differently")
    reports = [repr(training.method.diagnostics()) for training in (a, b)]
    expect(reports[0] == reports[1], f"{what}: diagnostics {reports[0]} and {reports[1]}")


def _tensors(state: dict[str, Any]) -> dict[str, torch.Tensor]:
    return {name: value for name, value in state.items() if isinstance(value, torch.Tensor)}


TRAINING = (check_codes, check_deterministic, check_state_round_trip, check_bf16)
