"""What was decided or left out in reading data is said by a run and by check-data."""

from __future__ import annotations

import pytest

from hashbench.cli import main

DATASET = """
import numpy as np
from hashbench import DATASETS
from hashbench.data import DataTable

@DATASETS.register_module("noted", inputs="feature")
class Noted:
    def __init__(self, root=None):
        pass

    def load(self):
        rows = np.random.default_rng(0).normal(size=(60, 4))
        return DataTable.from_arrays("noted", rows, np.arange(60) % 3, notes=["7 rows were left out"])
"""


def called(*words):
    with pytest.raises(SystemExit) as ended:
        main(words)
    return ended.value.code


def test_notes_are_said(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "noted.py").write_text(DATASET)
    assert called("check-data", "noted", "--import", "noted.py") == 0
    assert "note: 7 rows were left out" in capsys.readouterr().out
    run = ["run", "-m", "lsh", "--protocol", "features", "--set", "protocol.dataset=noted", "--import", "noted.py"]
    assert called(*run) == 0
    told = capsys.readouterr()
    assert "7 rows were left out" in told.out + told.err
