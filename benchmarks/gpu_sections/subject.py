"""Which protocol is trained, on which data and weights: the fine-tuned one, or what comes nearest to it here."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from gpu_sections.section import Setting
from gpu_sections.training import experiment
from hashbench.catalog import load_catalog
from hashbench.errors import UserError

PROTOCOL = "cifar10-dualhash-finetuned"
PIXELS = 96
TINY = {"image_size": 8, "epochs": 1, "batch_size": 64, "augment": "crop_flip"}
LIKE_IT = {
    "backbone": {"type": "timm", "name": "tf_efficientnet_lite0"},
    "pretrained": False,
    "frozen": False,
    "augment": "crop_flip",
    "batch_size": 64,
    "epochs": 10,
}
"""Of `cifar10-dualhash-frozen`, where the catalogue has no fine-tuned protocol."""


def subject(
    device: str, out: Path, *, tiny: bool, data_root: Path | None, weights: Path | None
) -> tuple[Setting, list[str]]:
    """What all sections share, and sentences on what is not as it should be. The network is built once, as a trial.

    Raises:
        UserError: no data, weights of another architecture, a device that there is not.
    """
    notes: list[str] = []
    options: dict[str, Any] = {"image_size": PIXELS, "data_root": data_root, "weights": weights}
    if tiny:
        name, options = "digits", dict(TINY)
        notes.append("tiny: digits and a small network, to try the script; the figures mean nothing")
    elif PROTOCOL in load_catalog().protocols:
        name = PROTOCOL
    else:
        name, options = "cifar10-dualhash-frozen", {**options, **LIKE_IT}
        notes.append(f"protocol {PROTOCOL} is not in the catalogue: {name} with a trained EfficientNet-lite0 instead")
    setting = Setting(device, tiny, name, options, 0, out)
    try:
        trial = experiment(setting)
    except UserError as error:
        if options.get("pretrained") is False or weights is not None:
            raise
        setting = replace(setting, options={**options, "pretrained": False})
        trial = experiment(setting)  # data that are missing are missing still
        notes.append(f"random weights, so mAP means nothing: {error}")
    if trial.spec.weights is None and not trial.spec.settings.pretrained and not tiny and len(notes) == 1:
        notes.append("random weights, so mAP means nothing: give --weights FILE")
    return replace(setting, images=len(trial.roles.train)), notes
