"""scikit-learn's own checks of estimators, one by one.

None is left out. That codes are int8 whatever the features are is said by the tags of `ShallowMethod` (it preserves no
dtype), so scikit-learn does not ask for it.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any
from unittest import SkipTest

from sklearn.base import clone
from sklearn.utils.estimator_checks import estimator_checks_generator

from hashbench.engine.crash import ends_the_program
from hashbench.testing.check import Check, NotApplicable, isolated
from hashbench.testing.shallow_checks import blobs
from hashbench.testing.subject import Subject
from hashbench.testing.training import build_method


def sklearn_checks(subject: Subject) -> list[Check]:
    """The checks that scikit-learn has for an estimator of this class, named `sklearn:...`.

    They use data of few samples and as few as one feature, so the estimator is built for the shortest code: one bit, or
    two where one is refused.
    """
    if not hasattr(subject.method_class, "fit"):
        return []
    with isolated():
        bits = 2 if _refuses_one_bit(subject) else 1
        try:
            estimator = build_method(subject, subject.quick_hparams, bits)
            checks = list(estimator_checks_generator(estimator))
        except BaseException as error:  # a method may fail in any way, or leave: the checks could not even be listed
            if ends_the_program(error):
                raise
            return [Check("sklearn", partial(_fail, error))]
    return [Check(f"sklearn:{_name(check)}", partial(_run, check, estimator)) for _, check in checks]


def _refuses_one_bit(subject: Subject) -> bool:
    try:
        build_method(subject, subject.quick_hparams, 1).fit(*blobs())  # type: ignore[operator, union-attr]
    except ValueError:
        return True
    except BaseException as error:  # told by the checks that fit
        if ends_the_program(error):
            raise
    return False


def _fail(error: BaseException, subject: Subject) -> None:
    raise error


def _run(check: Callable[[Any], None], estimator: Any, subject: Subject) -> None:
    try:
        check(clone(estimator))
    except SkipTest as reason:
        raise NotApplicable(str(reason)) from reason


def _name(check: Any) -> str:
    """The function's name, with the options that scikit-learn has bound: it has some checks twice."""
    options = ",".join(f"{key}={value}" for key, value in check.keywords.items())
    return check.func.__name__ + (f"({options})" if options else "")
