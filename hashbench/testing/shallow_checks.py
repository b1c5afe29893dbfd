"""Checks of a shallow method beyond scikit-learn's: bits, determinism, copies, and refusals in one line."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone

from hashbench.testing.check import CheckError, NotApplicable, expect, one_line, scramble
from hashbench.testing.subject import Subject
from hashbench.testing.training import build_method

SAMPLES, FEATURES, CLASSES = 80, 16, 4
LENGTHS = (4, 8, 12)
"""Code lengths that every method must give on 16 features."""
BITS = 8
RANKINGS = ("hamming", "cosine")
NO_CODES = "ranks by the cosine of its outputs: there are no codes"


def blobs() -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """(80, 16) samples around four centres, and their classes."""
    rng = np.random.default_rng(0)
    y = np.arange(SAMPLES) % CLASSES
    return 2 * rng.normal(size=(CLASSES, FEATURES))[y] + rng.normal(size=(SAMPLES, FEATURES)), y


def check_bits(subject: Subject) -> None:
    """`transform` gives (N, K) int8 codes of -1 and +1, `decision_function` (N, K) floats of the same signs."""
    X, y = blobs()
    ranking = subject.method_class.ranking
    expect(ranking in RANKINGS, f"ranking is {ranking!r}: the harness knows {' and '.join(RANKINGS)}")
    if ranking == "cosine":
        _check_vectors(subject)
        raise NotApplicable(NO_CODES)
    for bits in LENGTHS:
        fitted = _method(subject, bits).fit(X, y)
        outputs, codes = fitted.decision_function(X), fitted.transform(X)
        for what, array in (("decision_function", outputs), ("transform", codes)):
            expect(array.shape == (SAMPLES, bits), f"{what} gives {array.shape} for {SAMPLES} samples in {bits} bits")
        expect(codes.dtype == np.int8, f"codes are {codes.dtype}, not int8")
        expect(np.isfinite(outputs).all(), f"outputs are not finite at {bits} bits")
        expect((codes == np.where(outputs >= 0, 1, -1)).all(), "codes are not the signs of decision_function (0 is +)")


def _check_vectors(subject: Subject) -> None:
    X, y = blobs()
    fitted = _method(subject).fit(X, y)
    outputs, vectors = fitted.decision_function(X), fitted.transform(X)
    expect(outputs.ndim == 2 and len(outputs) == SAMPLES, f"decision_function gives {outputs.shape} for (80, 16)")
    expect(np.isfinite(outputs).all(), "outputs are not finite")
    expect(np.array_equal(vectors, outputs), "transform gives other vectors than decision_function")


def check_deterministic(subject: Subject) -> None:
    """One `random_state`, one function, whatever numpy's global stream was."""
    X, y = blobs()
    outputs = []
    for noise in (1, 2):
        scramble(noise)
        outputs.append(_method(subject).fit(X, y).decision_function(X))
    expect(np.array_equal(*outputs), "two fits with one random_state differ")


def check_copies(subject: Subject) -> None:
    """`clone` keeps the parameters, `pickle` the fitted function."""
    X, y = blobs()
    method = _method(subject)
    again = clone(method)
    expect(again.get_params() == method.get_params(), "clone changes parameters: the constructor must only store them")
    fitted = method.fit(X, y)
    outputs = fitted.decision_function(X)
    try:
        loaded = pickle.loads(pickle.dumps(fitted))
    except (pickle.PicklingError, TypeError, AttributeError) as error:
        raise CheckError(f"the fitted method cannot be pickled: {one_line(error)}") from error
    expect(np.array_equal(loaded.decision_function(X), outputs), "a pickled method gives other outputs")
    expect(np.array_equal(again.fit(X, y).decision_function(X), outputs), "a clone is fitted to another function")


def check_sample_alone(subject: Subject) -> None:
    """The code of a sample does not depend on the samples that are transformed with it."""
    X, y = blobs()
    fitted = _method(subject).fit(X, y)
    alone, together = fitted.decision_function(X[5:6]), fitted.decision_function(X)[5:6]
    expect(np.allclose(alone, together, atol=1e-8), "the outputs of a sample depend on the others")


def check_several_labels(subject: Subject) -> None:
    """`fit` takes multi-hot targets; or `multilabel = False`."""
    if not subject.method_class.multilabel:
        raise NotApplicable("multilabel = False: the harness refuses data with several labels per sample")
    X, y = blobs()
    targets = np.stack([y == 0, y <= 1, y == 2, y >= 2], axis=1).astype(np.uint8)
    codes = _method(subject).fit(X, targets).transform(X)
    _expect_codes(subject, codes, SAMPLES, "after a fit on multi-hot targets")


def check_too_many_bits(subject: Subject) -> None:
    """More bits than the method can give for 30 samples of 4 features: one clear ValueError."""
    if subject.method_class.ranking == "cosine":
        raise NotApplicable(NO_CODES)
    X, y = blobs()
    bits = 64
    try:
        codes = _method(subject, bits).fit(X[:30, :4], y[:30]).transform(X[:30, :4])
    except ValueError as error:
        message = str(error)
        said = "\n" not in message and (str(bits) in message or "bit" in message)
        expect(said, f"{bits} bits of 4 features are refused, but not in one line about bits: {one_line(error)}")
        return
    expect(codes.shape == (30, bits), f"{bits} bits are asked for, and codes have shape {codes.shape}")
    raise NotApplicable(f"has no limit here: gives {bits} bits for 30 samples of 4 features")


def check_few_samples(subject: Subject) -> None:
    """One sample is refused in one line; two samples, or a single class, are fitted or refused in one line."""
    X, y = blobs()
    cases: dict[str, tuple[Any, Any]] = {
        "one sample": (X[:1], y[:1]),
        "two samples": (X[:2], y[:2]),
        "one class": (X, np.zeros_like(y)),
    }
    for case, (rows, targets) in cases.items():
        try:
            codes = _method(subject).fit(rows, targets).transform(rows)
        except ValueError as error:
            expect(str(error) and "\n" not in str(error), f"{case}: the refusal is not one line: {one_line(error)}")
            continue
        expect(case != "one sample", "a single sample is accepted: nothing can be learned from it")
        _expect_codes(subject, codes, len(rows), f"of {case}")


def check_repeated_samples(subject: Subject) -> None:
    """Repeated samples and constant features give finite outputs."""
    X, y = (np.repeat(values[: SAMPLES // 4], 4, axis=0) for values in blobs())
    X[:, 3] = 1.0
    expect(np.isfinite(_method(subject, 4).fit(X, y).decision_function(X)).all(), "outputs are not finite")


def _expect_codes(subject: Subject, codes: NDArray[Any], samples: int, when: str) -> None:
    width = codes.shape[1] if subject.method_class.ranking == "cosine" else BITS
    expect(codes.shape == (samples, width), f"codes {when} have shape {codes.shape}, not ({samples}, {width})")


def _method(subject: Subject, bits: int = BITS) -> Any:
    return build_method(subject, subject.quick_hparams, bits)


SHALLOW = (
    check_bits,
    check_deterministic,
    check_copies,
    check_sample_alone,
    check_several_labels,
    check_too_many_bits,
    check_few_samples,
    check_repeated_samples,
)
