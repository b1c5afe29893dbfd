"""What a method is written against: `DeepMethod` for losses, `ShallowMethod` for hash functions fitted on features."""

from hashbench.models.batch import CodeBatch
from hashbench.models.deep import DeepMethod, FitContext
from hashbench.models.network import HashNetwork
from hashbench.models.shallow import ShallowMethod
from hashbench.models.signature import passes_on_to

__all__ = ["CodeBatch", "DeepMethod", "FitContext", "HashNetwork", "ShallowMethod", "passes_on_to"]
