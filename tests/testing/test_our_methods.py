"""Every method that ships with hashbench passes the checks that it asks of others."""

from __future__ import annotations

from hashbench.catalog import load_catalog
from hashbench.testing import parametrize_with_checks

catalog = load_catalog()
OURS = [name for name in catalog.methods if catalog.sources["methods", name].name in ("baselines", "dualhash")]


@parametrize_with_checks(*OURS)
def test_conformance(check):
    check()
