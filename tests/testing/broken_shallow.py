"""A shallow method that keeps the contract, and others that break it in one point each."""

from __future__ import annotations

import numpy as np
from sklearn.utils import check_random_state

from hashbench.models import ShallowMethod


class Good(ShallowMethod):
    supervised = False

    def __init__(self, bits: int = 32, random_state: int | None = None, center: bool = True) -> None:
        super().__init__(bits, random_state)
        self.center = center

    def _fit(self, X, y):
        self.mean_ = X.mean(axis=0) if self.center else np.zeros(X.shape[1])
        self.projection_ = check_random_state(self.random_state).standard_normal((X.shape[1], self.bits))

    def _project(self, X):
        return (X - self.mean_) @ self.projection_


class OneBitMore(Good):
    def _project(self, X):
        return np.hstack([super()._project(X), np.ones((len(X), 1))])


class OtherSigns(Good):
    def transform(self, X):
        return -super().transform(X)


class FloatCodes(Good):
    def transform(self, X):
        return super().transform(X).astype(float)


class GlobalRandomNumbers(Good):
    def _fit(self, X, y):
        super()._fit(X, y)
        self.projection_ = np.random.standard_normal(self.projection_.shape)


class CannotBePickled(Good):
    def _fit(self, X, y):
        super()._fit(X, y)
        self.function_ = lambda rows: rows


class ForgetsAParameter(Good):
    def __init__(self, bits: int = 32, random_state: int | None = None, center: bool = True) -> None:
        super().__init__(bits, random_state)
        self.center = not center


class LooksAtTheOthers(Good):
    def _project(self, X):
        return super()._project(X - X.mean(axis=0))


class OneLabelOnly(Good):
    supervised = True

    def _fit(self, X, y):
        if y.ndim > 1:
            raise ValueError("class ids wanted")
        super()._fit(X, y)


class SaysOneLabel(OneLabelOnly):
    multilabel = False


class IndexErrorForManyBits(Good):
    def _fit(self, X, y):
        super()._fit(X, y)
        if self.bits > X.shape[1]:
            raise IndexError("out of range")


class VagueAboutBits(Good):
    def _fit(self, X, y):
        super()._fit(X, y)
        if self.bits > X.shape[1]:
            raise ValueError("too much is asked for")


class FewerBitsThanAsked(Good):
    def _project(self, X):
        return super()._project(X)[:, : X.shape[1]]


class TwoLinesForOneClass(Good):
    supervised = True

    def _fit(self, X, y):
        if len(np.unique(y)) == 1:
            raise ValueError("one class\nis not enough")
        super()._fit(X, y)


class NanForConstants(Good):
    def _project(self, X):
        return super()._project(X) / self.scale_

    def _fit(self, X, y):
        super()._fit(X, y)
        self.scale_ = np.where(X.std(axis=0).min() > 0, 1.0, np.nan)


class SecondArgument(Good):
    def __init__(self, bits: int = 32, center: bool = True, random_state: int | None = None) -> None:
        super().__init__(bits, random_state, center)


class UnknownRanking(Good):
    ranking = "euclidean"


class Vectors(Good):
    """Keeps the contract of a method that ranks by cosine."""

    ranking = "cosine"


class OtherVectors(Vectors):
    def transform(self, X):
        return np.sign(super().transform(X))


class RefusesToCentreNot(Good):
    def _fit(self, X, y):
        if not self.center:
            raise ValueError("center = False is not possible")
        super()._fit(X, y)


class LeavesWhenBuilt(Good):
    def __init__(self, bits: int = 32, random_state: int | None = None, center: bool = True) -> None:
        raise SystemExit(3)


class LeavesInFit(Good):
    def _fit(self, X, y):
        raise SystemExit("gone")


class RaisesAnEventOfItsOwn(Good):
    class Stop(BaseException):
        pass

    def _fit(self, X, y):
        raise self.Stop("enough")
