"""Whether reduced precision pays on the device of a run."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

_FLAGS = {"amx_bf16", "avx512_bf16", "bf16"}
"""Of /proc/cpuinfo: two of x86, one of ARM."""


@lru_cache(maxsize=1)
def cpu_has_bf16(cpuinfo: Path = Path("/proc/cpuinfo")) -> bool | None:
    """Whether this processor multiplies in bfloat16; None where the system does not say (not Linux)."""
    try:
        lines = cpuinfo.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return None
    flags = [line.partition(":")[2].split() for line in lines if line.lower().startswith(("flags", "features"))]
    return bool(_FLAGS.intersection(*flags[:1])) if flags else None


def slower_than_fp32(precision: str, device: str) -> str | None:
    """A warning in one line where a precision costs time instead of saving it; None where there is nothing to say."""
    if precision == "bf16" and device.startswith("cpu") and cpu_has_bf16() is False:
        return (
            "precision: bf16 is slower than fp32 on this processor, and less exact: it has no bfloat16 instructions "
            "(AMX, AVX512-BF16); use --precision fp32"
        )
    return None
