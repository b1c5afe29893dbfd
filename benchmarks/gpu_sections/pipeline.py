"""How many images a second the harness's loader and its transform on the device give, against what training takes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from functools import partial

from gpu_sections.section import Section, Setting
from gpu_sections.step import BF16
from gpu_sections.timing import median_seconds, peak_memory
from gpu_sections.training import Pair

PIXELS = (96, 224)


def pipeline(setting: Setting, section: Section) -> None:
    """Batches alone, then whole steps in bf16 and channels-last, at each size."""
    for pixels in (8, 12) if setting.tiny else PIXELS:
        if section.left < 5 and not setting.tiny:
            section.note(f"{pixels} pixels were not measured: no time left")
            continue
        at_size = replace(setting, options={**setting.options, "image_size": pixels})
        with BF16.in_force():
            pair = Pair(at_size, BF16, steps=2 if setting.tiny else 20)
            loaders = {"augmented": pair.ours.learner.training.loader, "plain": pair.ours.feed.ordered(pair.rows)}
            repeats = 1 if setting.tiny else 5
            rates = {
                name: pair.images / median_seconds(partial(_through, loader), setting.device, repeats=repeats)
                for name, loader in loaders.items()
            }
            pair.harness()
            seconds = min(pair.harness() for _ in range(1 if setting.tiny else 3))
        training = pair.images / seconds
        section.row(
            "input",
            pixels=pixels,
            batch=pair.batch_size,
            augmented_per_second=rates["augmented"],
            plain_per_second=rates["plain"],
            training_per_second=training,
            share_of_a_step=training / rates["augmented"],
            **peak_memory(setting.device),
        )


def _through(loader: Iterable[object]) -> None:
    """All batches, none of them kept."""
    for _ in loader:
        pass
