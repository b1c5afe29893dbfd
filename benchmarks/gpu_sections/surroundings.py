"""What the check ran on."""

from __future__ import annotations

import subprocess
from importlib import metadata

import torch

from gpu_sections.section import Section, Setting
from hashbench.results.environment import environment


def surroundings(setting: Setting, section: Section) -> None:
    """Versions, the processor, and the GPU with its driver."""
    section.put(**environment(devices=True), cuda=torch.version.cuda, triton=_version("triton"), driver=_driver())
    if not setting.on_gpu:
        section.put(gpu=f"none: the device is {setting.device}")
        return
    facts = torch.cuda.get_device_properties(setting.device)
    section.put(
        gpu=facts.name,
        compute_capability=f"{facts.major}.{facts.minor}",
        multiprocessors=facts.multi_processor_count,
        memory_gb=facts.total_memory / 2**30,
        cudnn=torch.backends.cudnn.version(),
        bf16=torch.cuda.is_bf16_supported(),
    )


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def _driver() -> str | None:
    """Version of NVIDIA's driver, where its tool is there to tell."""
    command = ["nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader"]
    try:
        said = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return said.stdout.splitlines()[0].strip() if said.returncode == 0 and said.stdout.strip() else None
