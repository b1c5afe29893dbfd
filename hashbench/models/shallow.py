"""The contract of a shallow method: a scikit-learn transformer from features to binary codes (or to real vectors)."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted, validate_data


class ShallowMethod(TransformerMixin, BaseEstimator):
    """Base class of shallow methods; follows scikit-learn's estimator contract.

    The constructor of a subclass stores its arguments and nothing else; the first two are always `bits` and
    `random_state`. `fit` learns attributes with a trailing underscore. A subclass writes `_fit` and `_project`.
    """

    kind: ClassVar[Literal["shallow"]] = "shallow"

    multilabel: bool = True
    """Whether `fit` is defined for multi-hot targets (unsupervised methods ignore targets)."""

    check_hparams: ClassVar[dict[str, Any]] = {}
    """Hyper-parameters with which `hashbench check` builds the method, where its defaults would take long."""

    supervised: bool = True
    """Whether `fit` needs targets."""

    ranking: ClassVar[Literal["hamming", "cosine"]] = "hamming"
    """What the harness ranks by: the Hamming distance of the codes, or, for a method without codes, the cosine of its
    real outputs."""

    def __init__(self, bits: int = 32, random_state: int | None = None) -> None:
        self.bits = bits
        self.random_state = random_state

    def fit(self, X: ArrayLike, y: ArrayLike | None = None) -> ShallowMethod:
        """Learn the hash function.

        Args:
            X: (N, d) features.
            y: (N,) class ids or (N, C) multi-hot; None for unsupervised methods.

        Raises:
            ValueError: bits below 1, or more than the method can give for these data.
        """
        if not isinstance(self.bits, int | np.integer) or self.bits < 1:
            raise ValueError(f"bits must be an integer of at least 1, got {self.bits!r}")
        if self.supervised:
            rows, targets = validate_data(self, X, y, dtype=np.float64, multi_output=True, ensure_min_samples=2)
            self._fit(rows, np.asarray(targets))
        else:
            self._fit(validate_data(self, X, dtype=np.float64, ensure_min_samples=2), None)
        return self

    def _fit(self, X: NDArray[np.float64], y: Any) -> None:
        raise TypeError(f"{type(self).__name__} defines no _fit(X, y)")

    def decision_function(self, X: ArrayLike) -> NDArray[np.float64]:
        """(N, d) features -> (N, K) real outputs whose signs are the bits (0 counts as +), if there are bits."""
        check_is_fitted(self)
        return self._project(validate_data(self, X, dtype=np.float64, reset=False))

    def _project(self, X: NDArray[np.float64]) -> NDArray[np.float64]:
        raise TypeError(f"{type(self).__name__} defines no _project(X)")

    def transform(self, X: ArrayLike) -> NDArray[Any]:
        """(N, d) features -> (N, K) int8 codes in {-1, +1}; a bit is +1 where the output is >= 0.

        A method that ranks by cosine has no codes: the outputs themselves, (N, K) float64.
        """
        outputs = self.decision_function(X)
        return outputs if self.ranking == "cosine" else np.where(outputs >= 0, 1, -1).astype(np.int8)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.target_tags.required = self.supervised
        tags.transformer_tags.preserves_dtype = []  # int8 or float64, whatever the features were
        return tags
