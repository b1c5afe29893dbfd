"""The catalogue: what can be named on the command line, read without importing torch."""

from hashbench.catalog.catalog import SECTIONS, BrokenPlugin, Catalog, Source, load_catalog
from hashbench.catalog.schema import BackboneEntry, DatasetEntry, MethodEntry, Paper, ProtocolEntry, SplitEntry

__all__ = [
    "SECTIONS",
    "BackboneEntry",
    "BrokenPlugin",
    "Catalog",
    "DatasetEntry",
    "MethodEntry",
    "Paper",
    "ProtocolEntry",
    "Source",
    "SplitEntry",
    "load_catalog",
]
