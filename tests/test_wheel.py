"""The built wheel, in an environment of its own outside the repository: finds its catalogue and plugins, does the main job."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

import hashbench

REPOSITORY = Path(__file__).parents[1]
PACKAGES = {"hashbench": "hashbench", "hashbench_baselines": "baselines", "hashbench_dualhash": "plugins/dualhash"}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"
    shutil.copytree(
        REPOSITORY, source, ignore=shutil.ignore_patterns(".git", "build", "*.egg-info", "__pycache__", ".*_cache")
    )
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(source)]
    subprocess.run(build, check=True, capture_output=True)
    (path,) = folder.glob("*.whl")
    return path


def test_wheel_holds_every_file_of_every_package(wheel):
    names = set(zipfile.ZipFile(wheel).namelist())
    assert "hashbench/registry.yaml" in names
    shipped = {  # code, catalogues, manifests, lists, pages: whatever lies in a package's folder
        f"{package}/{path.relative_to(REPOSITORY / folder).as_posix()}"
        for package, folder in PACKAGES.items()
        for path in (REPOSITORY / folder).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert shipped - names == set()
    tops = {name.partition("/")[0] for name in names if not name.partition("/")[0].endswith(".dist-info")}
    assert tops == set(PACKAGES)


def test_wheel_has_the_version_of_the_code(wheel):
    assert wheel.name.startswith(f"hashbench-{hashbench.__version__}-")


def test_installed_wheel_runs_the_main_job_outside_the_repository(wheel, tmp_path):
    environment = tmp_path / "venv"
    subprocess.run([sys.executable, "-m", "venv", str(environment)], check=True)
    python = environment / "bin" / "python"
    install = [str(python), "-m", "pip", "install", "--no-deps", "--no-index", "-q", str(wheel)]
    subprocess.run(install, check=True, capture_output=True)
    # Dependencies are those of the running environment, reached by path; its editable hashbench is not.
    own = next((environment / "lib").glob("python*/site-packages"))
    (own / "dependencies.pth").write_text(sysconfig.get_paths()["purelib"] + "\n")
    work = tmp_path / "empty"
    work.mkdir()
    clean = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"} | {
        "HASHBENCH_CACHE": str(tmp_path / "cache")
    }

    def program(*words):
        return subprocess.run(
            [str(environment / "bin" / "hashbench"), *words], cwd=work, env=clean, capture_output=True, text=True
        )

    where = subprocess.run(
        [str(python), "-c", "import hashbench; print(hashbench.__file__)"],
        cwd=work,
        env=clean,
        capture_output=True,
        text=True,
    )
    assert str(environment) in where.stdout
    listed = json.loads(program("list", "--json").stdout)
    assert "dualhash_stom" in {row["name"] for row in listed["methods"]}
    assert listed["broken"] == []
    done = program("run", "--method", "dualhash_stom", "--epochs", "2", "--bits", "16")
    assert done.returncode == 0, done.stderr
    assert "mAP, expected over ties" in done.stdout
