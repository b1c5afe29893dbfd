"""A training step in fp32, tf32 and bf16, by the harness and by a bare loop over the same network and images."""

from __future__ import annotations

import statistics
from importlib.util import find_spec

from gpu_sections.section import Section, Setting
from gpu_sections.timing import peak_memory
from gpu_sections.training import Pair, Variant

BF16 = Variant("bf16", channels_last=True)
VARIANTS = (
    BF16,
    Variant("fp32", channels_last=True),
    Variant("tf32", channels_last=True),
    Variant("bf16"),
    Variant("fp32"),
    Variant("tf32"),
    Variant("bf16", channels_last=True, batch_size=256),
    Variant("bf16", channels_last=True, deterministic=False),
    Variant("bf16", channels_last=True, compiled=True),
    Variant("tf32", channels_last=True, compiled=True),
)
"""The one that the other sections build on first."""
COMPILING = 60.0
"""Seconds that must be left for a compiled network, which is compiled for the harness and for the bare loop."""


def step(setting: Setting, section: Section) -> None:
    """Every variant while there is time."""
    section.put(protocol=setting.protocol, loop="Training.epoch: the harness without hooks of mmengine and checkpoints")
    for variant in VARIANTS:
        name = ", ".join(
            [
                variant.precision,
                *(["channels-last"] if variant.channels_last else []),
                *([f"batch {variant.batch_size}"] if variant.batch_size else []),
                *([] if variant.deterministic else ["not deterministic"]),
                *(["compiled"] if variant.compiled else []),
            ]
        )
        if variant.compiled and (not setting.on_gpu or find_spec("triton") is None):
            section.note(f"{name} was not run: torch.compile is measured with CUDA and the triton package only")
        elif section.left < (COMPILING if variant.compiled else 3) and not setting.tiny:
            section.note(f"{name} was not run: no time left")
        else:
            try:
                _measure(setting, section, variant, name)
            except Exception as error:  # one that fails, as a compiler may, does not lose the others
                section.note(f"{name} failed: {type(error).__name__}: {str(error)[:300]}")
                section.values["faults"] = section.values.get("faults", 0) + 1
    if section.values.get("faults"):
        raise RuntimeError("some steps failed: see the notes")


def _measure(setting: Setting, section: Section, variant: Variant, name: str) -> None:
    blocks = 1 if setting.tiny else 7
    with variant.in_force():
        pair = Pair(setting, variant, steps=2 if setting.tiny else 10)
        for _ in range(1 if setting.tiny else 2):
            pair.harness(), pair.bare()
        seconds = [(pair.harness(), pair.bare()) for _ in range(blocks)]  # in turn: what slows down, slows down both
    ours, theirs = (statistics.median(side) for side in zip(*seconds, strict=True))
    section.row(
        "steps",
        step=name,
        batch=pair.batch_size,
        harness_ms=1e3 * ours / pair.steps,
        bare_ms=1e3 * theirs / pair.steps,
        ratio=statistics.median(a / b for a, b in seconds),
        images_per_second=pair.images / ours,
        bare_images_per_second=pair.images / theirs,
        **peak_memory(setting.device),
    )
