"""What every method of a comparison shares: the split with its sealed test queries, and the fingerprint of it all."""

from hashbench.protocol.fingerprint import canonical, description, explain_difference, fingerprint, fingerprint_of
from hashbench.protocol.manifest import load_split, read_manifest, shipped_manifests
from hashbench.protocol.roles import Roles
from hashbench.protocol.split import DISJOINT, ROLES, Split, SplitError, split_checksum

__all__ = [
    "DISJOINT",
    "ROLES",
    "Roles",
    "Split",
    "SplitError",
    "canonical",
    "description",
    "explain_difference",
    "fingerprint",
    "fingerprint_of",
    "load_split",
    "read_manifest",
    "shipped_manifests",
    "split_checksum",
]
