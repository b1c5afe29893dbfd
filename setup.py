"""What pyproject.toml cannot say: folders shipped under other import names, and registry.yaml from the root."""

from pathlib import Path

from setuptools import find_packages, setup
from setuptools.command.build_py import build_py

# import name -> folder
FOLDERS = {"hashbench": "hashbench", "hashbench_baselines": "baselines", "hashbench_dualhash": "plugins/dualhash"}


class BuildWithRegistry(build_py):
    """Copies registry.yaml into the package; an editable install reads it where it lies."""

    def run(self) -> None:
        super().run()
        if not self.editable_mode:
            self.copy_file("registry.yaml", str(Path(self.build_lib, "hashbench", "registry.yaml")))


def packages() -> list[str]:
    """Every package under FOLDERS, by import name."""
    return [
        name for top, folder in FOLDERS.items() for name in [top, *(f"{top}.{sub}" for sub in find_packages(folder))]
    ]


setup(
    packages=packages(),
    package_dir=FOLDERS,
    package_data={
        "": ["*.yaml", "*.csv", "py.typed", "studies/*/*.json"],
        "hashbench.protocol": ["manifests/*.npz"],
        "hashbench.data": ["lists/*.npz"],
        "hashbench.report": ["page/*"],
    },
    cmdclass={"build_py": BuildWithRegistry},
)
