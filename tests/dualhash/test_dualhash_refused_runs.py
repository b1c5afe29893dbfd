"""Requests that `hashbench run` must refuse for DualHash and its ablations: one line, exit code 2, nothing written."""

from __future__ import annotations

import pytest
from refusal import assert_refused

from hashbench.catalog import load_catalog

SPLIT = ("dualhash_stom", "dualhash_storm", "dualhash_wcr", "dualhash_spgd", "dualhash_primal")
EVERY = (*SPLIT, "dualhash_sgdm", "dualhash_likelihood")
CASES = [
    *((method, "eta_u=-1", "eta_u = -1 must be > 0") for method in SPLIT),
    *((method, "eta_u=0", "eta_u = 0 must be > 0") for method in SPLIT),
    *((method, "sigma=-0.1", "sigma = -0.1 must be >= 0") for method in SPLIT),
    *((method, "lam=-0.1", "lam = -0.1 must be >= 0") for method in (*SPLIT, "dualhash_sgdm")),
    *((method, "tau=-0.001", "tau = -0.001 must be > 0") for method in SPLIT[:2]),
    *((method, "dual_update=step", "dual_update = 'step' is not known") for method in SPLIT),
    *((method, "inner_sweeps=0", "inner_sweeps = 0") for method in SPLIT),
    *((method, "inner_sweeps=many", "--set inner_sweeps=many: expected a number") for method in SPLIT[:1]),
    *((method, "optimizer.lr=-0.1", "optimizer.lr must be a positive number") for method in EVERY),
    *((method, "protocol.batch_size=1", "protocol field batch_size") for method in EVERY),
    *((method, "alpha=-1", "alpha = -1") for method in EVERY),
    *((method, "amplitude=0", "amplitude = 0 must be > 0") for method in EVERY),
    ("dualhash_wcr", "lam=1", "2 * lam * eta_u = 50 must be < 1"),
    ("dualhash_wcr", "inertia=1", "inertia = 1 must be in [0, 1)"),
    ("dualhash_stom", "optimizer.beta=1", "beta = 1 must be in [0, 1)"),
    ("dualhash_storm", "optimizer.a=0", "a = 0 must be in (0, 1]"),
    ("dualhash_storm", "optimizer.weight_decay=-1", "weight_decay = -1 must be >= 0"),
]


RUN = ("run", "--bits", "8", "--epochs", "1", "--method")


def test_the_cases_are_for_every_method_of_the_plugin():
    catalog = load_catalog()
    ours = {name for name in catalog.methods if catalog.sources["methods", name].name == "dualhash"}
    assert ours == set(EVERY)


@pytest.mark.parametrize(("method", "setting", "reason"), CASES, ids=lambda value: str(value).replace(" ", "_")[:40])
def test_a_bad_value_is_one_line_and_exit_code_2(cli, tmp_path, method, setting, reason):
    assert_refused(cli(*RUN, method, "--set", setting), reason)
    assert not list(tmp_path.rglob("result.json"))


def test_a_last_batch_of_one_sample_joins_the_batch_before(cli, tmp_path):
    """1,000 samples in batches of 999: the loader makes one batch of 1,000, and nothing is refused."""
    code, _, said = cli(*RUN, "dualhash_stom", "--batch-size", "999")
    assert code == 0, said
    assert list(tmp_path.rglob("result.json"))


def test_steps_that_are_too_long_together_are_run_with_a_warning_that_says_why(cli):
    code, _, said = cli(*RUN, "dualhash_stom", "--set", "tau=0.8", "--set", "lam=1")
    assert code == 0
    (line,) = (line for line in said.splitlines() if "warning" in line.lower())
    assert line.startswith("warning: method dualhash_stom: tau * eta_u = 20 > 1: the primal-dual step is unstable")
    assert "take tau <= 1 / eta_u" in line
