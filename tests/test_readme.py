"""README.md's method is run as it stands there, and its links lead somewhere."""

from __future__ import annotations

import re
from pathlib import Path

import hashbench

REPOSITORY = Path(__file__).parents[1]
README = (REPOSITORY / "README.md").read_text(encoding="utf-8")


def test_the_method_of_the_readme_runs(tmp_path, monkeypatch, as_before):
    monkeypatch.chdir(tmp_path)
    (block,) = (part for part in re.findall(r"```python\n(.*?)```", README, re.DOTALL) if part.startswith("# mine.py"))
    Path("mine_of_the_readme.py").write_text(block)
    result = hashbench.run(
        method="my_method",
        imports=["mine_of_the_readme.py"],
        hparams={"alpha": 0.3},
        bits=16,
        epochs=4,
        validate_every=2,
        progress=False,
    )
    assert result.record.hparams["alpha"] == 0.3
    assert result.metrics["map"] > 0.3  # chance is 0.1


def test_links_of_the_pages_lead_somewhere():
    for page in [REPOSITORY / "README.md", *REPOSITORY.glob("docs/*.md")]:
        for target in re.findall(r"\]\(([^)#\s]+)", page.read_text(encoding="utf-8")):
            if not target.startswith(("http:", "https:")):
                assert (page.parent / target).exists(), f"{page.name}: {target}"
