"""What a method is written against: `DeepMethod` for losses, `ShallowMethod` for hash functions fitted on features."""

from typing import TYPE_CHECKING, Any

from hashbench.models.batch import CodeBatch
from hashbench.models.deep import DeepMethod, FitContext
from hashbench.models.network import HashNetwork
from hashbench.models.signature import passes_on_to

if TYPE_CHECKING:
    from hashbench.models.shallow import ShallowMethod

__all__ = ["CodeBatch", "DeepMethod", "FitContext", "HashNetwork", "ShallowMethod", "passes_on_to"]


def __getattr__(name: str) -> Any:
    """`ShallowMethod` where it is asked for: it brings scikit-learn, whose import costs as much as torch's."""
    if name == "ShallowMethod":
        from hashbench.models.shallow import ShallowMethod

        return ShallowMethod
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
