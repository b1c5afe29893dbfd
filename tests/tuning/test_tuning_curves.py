"""Curves of studies: what is pooled, what may stand beside each other, where methods pass each other."""

from __future__ import annotations

import csv
import io
import math
from pathlib import Path

import numpy as np
import pytest
from curve_studies import a_study
from refusal import assert_refused

from hashbench.errors import UserError
from hashbench.report.tuning_csv import to_csv
from hashbench.tuning.crossings import crossings
from hashbench.tuning.expected_best import expected_best
from hashbench.tuning.find_studies import find_studies
from hashbench.tuning.study import Study
from hashbench.tuning.tuning_curves import tuning_curves


def named(*studies: Study) -> list[tuple[Path, Study]]:
    return [(Path(f"s{number}.json"), study) for number, study in enumerate(studies)]


def test_repeated_studies_are_pooled_and_their_own_curves_give_the_spread() -> None:
    scores = [[0.7, 0.8, 0.75], [0.6, 0.82, 0.71], [0.79, 0.65, 0.5]]
    (group,) = tuning_curves(named(*(a_study(scores=own, seed=seed) for seed, own in enumerate(scores))))
    (curve,) = group.curves
    assert (curve.seeds, curve.trials, curve.total, curve.failed, curve.stopped) == ((0, 1, 2), 3, 9, 0, 0)
    pooled = expected_best(np.concatenate(scores), 3)
    np.testing.assert_allclose(curve.mean, pooled.mean)
    np.testing.assert_allclose(curve.std, pooled.std)
    own = np.array([expected_best(one).mean for one in scores])
    np.testing.assert_allclose(curve.over_studies, own.std(axis=0, ddof=1))
    assert (curve.mean >= own.mean(axis=0) - 1e-12).all()
    assert curve.ends == (0.5, 0.82)


def test_one_study_has_no_spread_over_studies_and_failures_count_as_0() -> None:
    (group,) = tuning_curves(named(a_study(scores=[0.8, math.nan])))
    (curve,) = group.curves
    assert curve.mean.tolist() == pytest.approx([0.4, 0.6])
    assert (curve.failed, curve.ends) == (1, (0.0, 0.8))
    assert np.isnan(curve.over_studies).all()


def test_a_curve_ends_with_its_shortest_study() -> None:
    (group,) = tuning_curves(named(a_study(scores=[0.1, 0.2, 0.3]), a_study(scores=[0.4, 0.5], seed=1)))
    assert (group.curves[0].trials, len(group.curves[0].mean), group.curves[0].total) == (2, 2, 5)


def test_epochs_are_the_cost_and_say_which_trials_were_stopped() -> None:
    (group,) = tuning_curves(named(a_study(scores=[0.7, 0.6, 0.8, math.nan], epochs=[20, 5, 10, 5])))
    (curve,) = group.curves
    assert (curve.epochs, curve.stopped) == (10.0, 2)
    assert curve.cost.tolist() == [10, 20, 30, 40]


def test_epochs_that_are_not_known_are_no_cost() -> None:
    (group,) = tuning_curves(named(a_study()))
    assert math.isnan(group.curves[0].epochs)
    assert group.curves[0].stopped == 0


def test_studies_under_other_conditions_are_other_groups() -> None:
    groups = tuning_curves(
        named(
            a_study(),
            a_study("dsh"),
            a_study(bits=32),
            a_study(settings={"epochs": 9}),
            a_study(content={"data": "1f"}),
            a_study(protocol="cifar10"),
        )
    )
    found = [(group.protocol, group.bits, group.ambiguous, len(group.curves)) for group in groups]
    assert found[0] == ("cifar10", 16, False, 1)
    assert sorted(found[1:]) == [("digits", 16, True, 1), ("digits", 16, True, 1), ("digits", 16, True, 2), ("digits", 32, True, 1)]  # fmt: skip
    assert len({group.name for group in groups}) == 4  # equal conditions at two lengths


def test_what_makes_no_common_curve_is_refused() -> None:
    with pytest.raises(UserError, match=r"s0.json and s1.json: two studies of csq at 16 bits with seed 0"):
        tuning_curves(named(a_study(), a_study()))
    with pytest.raises(UserError, match="differ in sampler"):
        tuning_curves(named(a_study(), a_study(seed=1, sampler="tpe")))
    with pytest.raises(UserError, match="differ in search space"):
        tuning_curves(named(a_study(), a_study(seed=1, search={"lam": {"log": [0.1, 1.0]}})))
    with pytest.raises(UserError, match=r"s0.json: no trial is over"):
        tuning_curves(named(a_study(scores=[])))


def test_the_order_of_methods_depends_on_the_number_of_trials() -> None:
    steady, wild = a_study("steady", [0.70, 0.71, 0.72] * 8), a_study("wild", [0.1, 0.5, 0.9] * 8)
    (group,) = tuning_curves(named(steady, wild, a_study("short", [0.95])))
    assert [curve.label for curve in group.order(1)] == ["short", "steady", "wild"]
    assert [curve.label for curve in group.order(24)] == ["wild", "steady"]
    assert group.budgets == [1, 4, 12, 24]
    (found,) = crossings(group)
    lead = group.curves[1].mean - group.curves[2].mean
    first = int(np.flatnonzero(lead > 0)[0]) + 1
    assert (found.ahead, found.behind, found.budget) == ("wild", "steady", first)
    assert found.after == pytest.approx(lead.max())
    assert found.before == pytest.approx(-lead.min())


def test_equal_methods_never_pass_each_other() -> None:
    (group,) = tuning_curves(named(a_study("a", [0.1, 0.2, 0.3]), a_study("b", [0.3, 0.2, 0.1])))
    assert crossings(group) == []


def test_the_csv_has_a_line_for_each_method_and_number_of_trials() -> None:
    groups = tuning_curves(named(a_study("a", [0.2, 0.4]), a_study("b", [0.3]), a_study("a", [0.1, 0.3], seed=1)))
    rows = list(csv.DictReader(io.StringIO(to_csv(groups))))
    assert [(row["method"], row["n"], row["place"]) for row in rows] == [("a", "1", "2"), ("a", "2", "1"), ("b", "1", "1")]  # fmt: skip
    assert (rows[0]["expected_best"], rows[0]["seeds"], rows[0]["trials"], rows[0]["studies"]) == (
        "0.25",
        "0 1",
        "4",
        "2",
    )
    assert float(rows[0]["std_over_studies"]) == pytest.approx(0.0707107)
    assert (rows[2]["std"], rows[2]["std_over_studies"], rows[2]["epochs"]) == ("0", "", "")


# --- the command


@pytest.fixture
def studies(tmp_path: Path) -> Path:
    folder = tmp_path / "studies"
    for study in (
        a_study("steady", [0.70, 0.71, 0.72] * 4),
        a_study("wild", [0.1, 0.5, 0.9] * 4),
        a_study("wild", [0.1, 0.5, 0.9] * 4, bits=32),
    ):
        path = folder / study.run["protocol"] / f"{study.method}-{study.run['bits']}bit.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        study.save(path)
    hidden = folder / ".digits.json.work"
    hidden.mkdir()
    (hidden / "x.json").write_text("no study")
    return folder


def test_the_command_prints_the_order_and_where_it_changes(cli, studies: Path, tmp_path: Path) -> None:
    code, out, err = cli("tuning-curves", studies, "--csv", "c.csv", "--figure", "c.svg")
    assert code == 0, err
    first = [line for line in out.splitlines() if "steady" in line and "│" in line]
    assert "1. 0.7100" in first[0]
    assert "2. 0.71" in first[0]
    assert "wild passes steady at n = 3" in out
    assert out.count("digits · ") == 2
    assert "digits · 16 bits · validation mAP" in out
    assert (tmp_path / "c.csv").read_text().count("\n") == 1 + 3 * 12
    svg = (tmp_path / "c.svg").read_text()
    assert svg.startswith("<?xml")
    assert cli("tuning-curves", studies, "--figure", "c.svg")[0] == 0
    assert (tmp_path / "c.svg").read_text() == svg


def test_bits_methods_and_protocol_choose_studies(cli, studies: Path) -> None:
    code, out, _ = cli("tuning-curves", studies, "--bits", 32, "--methods", "wild", "--protocol", "digits")
    assert code == 0
    assert "32 bits" in out
    assert "16 bits" not in out
    assert_refused(cli("tuning-curves", studies, "--methods", "widl"), "no study of method 'widl'", "wild")
    assert_refused(cli("tuning-curves", studies, "--bits", 8), "no study of bits", "16", "32")
    assert_refused(cli("tuning-curves", studies, "--protocol", "cifar"), "no study of protocol", "digits")


def test_what_is_no_study_is_named(cli, studies: Path, tmp_path: Path) -> None:
    (studies / "torn.json").write_text('{"study": 1')
    code, out, err = cli("tuning-curves", studies)
    assert code == 1
    assert "torn.json: not a study" in err
    assert "wild" in out
    assert_refused(cli("tuning-curves", studies / "torn.json"), "torn.json: not a study")
    assert_refused(cli("tuning-curves", "nowhere"), "nowhere", "cannot be read")
    (tmp_path / "empty").mkdir()
    assert_refused(cli("tuning-curves", "empty"), "empty: no study", "hashbench tune")
    assert_refused(cli("tuning-curves", studies / "digits", "--figure", "c.gif"), "c.gif", ".svg, .png or .pdf")
    assert not (tmp_path / "c.gif").exists()


def test_a_study_that_is_reached_twice_counts_once(studies: Path) -> None:
    found, problems = find_studies([studies, studies / "digits", studies / "digits" / "wild-16bit.json"])
    assert (len(found), problems) == (3, [])
