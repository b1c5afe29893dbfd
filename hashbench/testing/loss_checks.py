"""Checks of a loss on hand-made batches: what real data will one day contain, and what must never matter."""

from __future__ import annotations

import torch
from torch import Tensor

from hashbench.errors import UserError
from hashbench.testing.check import NotApplicable, expect, one_line
from hashbench.testing.subject import Subject
from hashbench.testing.training import CLASSES, FIRST, ShortTraining, trained

RESERVED = ("epoch", "loss", "lr", "seconds")
"""Names that an epoch's record has already."""
USUAL, ZERO, SATURATED = 1.0, 0.0, 50.0


def check_loss_terms(subject: Subject) -> None:
    """The loss is a dict of named 0-dim floats that depend on the codes; diagnostics are finite numbers."""
    training = ShortTraining(subject).begin()
    training.training.begin_epoch(FIRST)
    batch = training.batch(torch.arange(20), _logits(training, torch.arange(20), USUAL))
    terms = training.method.loss(batch)
    expect(isinstance(terms, dict) and terms, "loss returns no dict of terms")
    for name, value in terms.items():
        expect(isinstance(value, Tensor) and value.ndim == 0, f"term {name!r} is no 0-dim tensor")
        expect(value.dtype.is_floating_point, f"term {name!r} is of type {value.dtype}")
    gradient = _gradient(training, batch.logits, terms)
    expect(bool(gradient.any()), "the gradient of the loss with respect to the logits is 0: is the batch detached?")
    report = trained(subject).method.diagnostics()
    for name in (*terms, *report):
        expect(isinstance(name, str), f"{name!r} is no name of a term or diagnostic")
        expect(
            name not in RESERVED and not name.startswith("val_"),
            f"{name!r} is a name that the history uses itself: rename the term",
        )
    for name, number in report.items():
        expect(isinstance(number, int | float), f"diagnostic {name!r} is a {type(number).__name__}, not a number")
        expect(abs(number) < float("inf"), f"diagnostic {name!r} is {number}")


def check_one_class(subject: Subject) -> None:
    """Finite loss and gradient where all samples of a batch are of one class."""
    training = trained(subject)
    _finite(training, (training.table.labels == 2).nonzero()[:6, 0], USUAL)


def check_all_different(subject: Subject) -> None:
    """Finite loss and gradient where no two samples of a batch are similar."""
    _finite(trained(subject), torch.arange(CLASSES), USUAL)


def check_batch_of_one(subject: Subject) -> None:
    """Finite loss and gradient of a single sample, or a refusal in one line."""
    training = trained(subject)
    if getattr(training.method, "needs_inputs", False):
        training.network.eval()  # it is passed through once more, and the batch norm of shared layers takes two samples
    try:
        _finite(training, torch.tensor([3]), USUAL)
    except UserError as error:
        expect("\n" not in str(error), f"the refusal of a batch of one has several lines: {one_line(error)}")
        raise NotApplicable(f"refuses a batch of one: {error}") from error


def check_saturated_codes(subject: Subject) -> None:
    """Finite loss and gradient for large logits, equal ones among them."""
    training = trained(subject)
    rows = torch.arange(12)
    _finite(training, rows, SATURATED)
    same = _logits(training, rows, SATURATED)[:1].repeat(len(rows), 1)
    _finite_for(training, rows, same, "all samples at one saturated code")


def check_zero_codes(subject: Subject) -> None:
    """Finite loss and gradient where the code layer gives exactly 0."""
    _finite(trained(subject), torch.arange(12), ZERO)


def check_several_labels(subject: Subject) -> None:
    """Training, loss and gradient where samples have several labels, or none; or `multilabel = False`."""
    if not subject.method_class.multilabel:
        raise NotApplicable("multilabel = False: the harness refuses data with several labels per sample")
    try:
        training = trained(subject, multilabel=True)
        for rows in (torch.arange(20), torch.arange(0, 20, 5), torch.tensor([1, 3]), torch.tensor([1, 59])):
            for size in (USUAL, ZERO, SATURATED):
                _finite(training, rows, size)
    except UserError as error:
        expect(False, f"several labels are refused ({one_line(error)}): say multilabel = False in the class")


def check_order_of_batch(subject: Subject) -> None:
    """The same loss, and the same gradient of each sample, in any order of the batch."""
    rows = torch.arange(20)
    order = torch.randperm(20, generator=torch.Generator().manual_seed(1))
    results = []
    for permutation in (rows, order):
        training = trained(subject)
        logits = _logits(training, rows, USUAL).detach()[permutation].requires_grad_()
        torch.manual_seed(0)
        terms = training.method.loss(training.batch(rows[permutation], logits))
        results.append((float(_total(terms)), _gradient(training, logits, terms)))
    (first, gradient), (second, permuted) = results
    expect(
        abs(first - second) <= 1e-4 * max(abs(first), 1e-3),
        f"the loss depends on the order of the batch: {first:.7g} and {second:.7g}",
    )
    difference = float((gradient[order] - permuted).abs().max())
    expect(
        difference <= 1e-3 * max(float(gradient.abs().max()), 1e-6),
        f"the gradient of a sample depends on the order of the batch, by up to {difference:.3g}",
    )


def _logits(training: ShortTraining, rows: Tensor, size: float) -> Tensor:
    """(b, width of the code layer) leaf: random, and for sizes other than usual -size or +size."""
    with torch.no_grad():
        width = training.network(training.table.inputs[:2]).logits.shape[1]
    logits = torch.randn(len(rows), width, generator=torch.Generator().manual_seed(0))
    return (logits if size == USUAL else size * logits.sign()).requires_grad_()


def _finite(training: ShortTraining, rows: Tensor, size: float) -> None:
    word = {USUAL: "usual", ZERO: "zero", SATURATED: "saturated"}[size]
    _finite_for(training, rows, _logits(training, rows, size), f"{word} logits")


def _finite_for(training: ShortTraining, rows: Tensor, logits: Tensor, what: str) -> None:
    logits = logits.detach().requires_grad_()
    batch = training.batch(rows, logits)
    expect(bool(torch.isfinite(batch.codes).all()), f"{what}: codes are not finite")
    terms = training.method.loss(batch)
    for name, value in terms.items():
        expect(bool(torch.isfinite(value).all()), f"{what}, {len(rows)} samples: term {name!r} is {float(value)}")
    gradient = _gradient(training, logits, terms)
    expect(bool(torch.isfinite(gradient).all()), f"{what}, {len(rows)} samples: the gradient is not finite")


def _total(terms: dict[str, Tensor]) -> Tensor:
    return torch.stack(list(terms.values())).sum()


def _gradient(training: ShortTraining, logits: Tensor, terms: dict[str, Tensor]) -> Tensor:
    total = _total(terms)
    expect(total.requires_grad, "the loss has no gradient: it does not depend on the codes, or detaches them")
    training.network.zero_grad()
    total.backward()
    for name, parameter in training.method.named_parameters():
        finite = parameter.grad is None or bool(torch.isfinite(parameter.grad).all())
        expect(finite, f"the gradient of the method's parameter {name} is not finite")
    return torch.zeros_like(logits) if logits.grad is None else logits.grad


LOSS = (
    check_loss_terms,
    check_one_class,
    check_all_different,
    check_batch_of_one,
    check_saturated_codes,
    check_zero_codes,
    check_several_labels,
    check_order_of_batch,
)
