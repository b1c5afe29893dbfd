"""Constructors that pass arguments on, as inspect and a caller see them."""

from __future__ import annotations

import inspect

import pytest

from hashbench.models import DeepMethod, passes_on_to


class Base(DeepMethod):
    def __init__(self, *, bits: int, num_classes: int, num_train: int, alpha: float = 1.0, lam: float = 0.1) -> None:
        super().__init__(bits=bits, num_classes=num_classes, num_train=num_train)
        self.values = (alpha, lam)


class Middle(Base):
    @passes_on_to(Base)
    def __init__(self, *, lam: float = 0.2, margin: float = 2.0, **shared: float) -> None:
        super().__init__(lam=lam, **shared)
        self.margin = margin


class Last(Middle):
    @passes_on_to(Middle)
    def __init__(self, *, mode: str = "soft", **shared: float) -> None:
        super().__init__(**shared)
        self.mode = mode


GIVEN = {"bits": 4, "num_classes": 3, "num_train": 10}


def test_every_argument_is_in_the_signature_with_the_nearest_default():
    parameters = inspect.signature(Last).parameters
    assert list(parameters) == [*GIVEN, "alpha", "lam", "margin", "mode"]
    assert all(p.kind is p.KEYWORD_ONLY for p in parameters.values())
    assert {n: p.default for n, p in parameters.items() if n not in GIVEN} == {
        "alpha": 1.0,
        "lam": 0.2,
        "margin": 2.0,
        "mode": "soft",
    }
    assert parameters["bits"].default is inspect.Parameter.empty
    assert next(iter(inspect.signature(Last.__init__).parameters)) == "self"


def test_the_defaults_of_the_signature_are_those_in_force():
    assert Last(**GIVEN).values == (1.0, 0.2)
    built = Last(**GIVEN, alpha=3.0, lam=0.5, margin=1.0, mode="hard")
    assert (built.values, built.margin, built.mode) == ((3.0, 0.5), 1.0, "hard")


def test_a_name_that_nobody_has_is_refused():
    with pytest.raises(TypeError, match="no_such"):
        Last(**GIVEN, no_such=1)


def test_a_constructor_without_shared_passes_nothing_on():
    with pytest.raises(TypeError, match=r"let it take \*\*shared"):

        @passes_on_to(Base)
        def constructor(self, *, lam: float = 0.2) -> None: ...
