"""The table, the CSV and the Markdown: what is in them, in which order, and what is never mixed."""

from __future__ import annotations

import csv
import io
import math
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from hashbench.errors import UserError
from hashbench.results.find import find_runs
from hashbench.results.known_metric import known_metric
from hashbench.results.leaderboard import (
    headings,
    sections,
    table,
    to_csv,
    to_markdown,
)
from hashbench.results.record import row_key

HEADER = (
    "protocol,fingerprint,backbone,method,preset,optimizer,recipe,bits,seeds,"
    "map_mean,map_std,map_worst_mean,map_worst_std,map_best_mean,map_best_std,"
    "precision@500_mean,precision@500_std,precision@1000_mean,precision@1000_std,precision@r2_mean,precision@r2_std,"
    "rank,rank_last,rank_over,tuning,trials,most_trials,hparams,seconds_per_epoch,total_seconds,peak_memory_mb,queries_left_out,warnings"
)


def seeds(make_record, method: str, values: list[float], **changes) -> list:
    return [make_record(method=method, seed=seed, value=value, **changes) for seed, value in enumerate(values)]


# --- the table


def test_one_row_a_setting_with_mean_spread_and_number_of_seeds(make_record) -> None:
    values = [0.70, 0.74, 0.72]
    records = [
        r.model_copy(update={"timing": {"seconds_per_epoch": float(r.seed), "total_seconds": 9.0}})
        for r in seeds(make_record, "dsh", values)
    ]
    frame = table(records)
    assert len(frame) == 1
    row = frame.iloc[0]
    assert (row["method"], row["bits"], row["seeds"], row["preset"]) == ("dsh", 16, 3, "default")
    assert row["map_mean"] == pytest.approx(np.mean(values))
    assert row["map_std"] == pytest.approx(np.std(values, ddof=1))
    assert row["map_worst_mean"] == pytest.approx(np.mean(values) - 0.03)
    assert (row["seconds_per_epoch"], row["total_seconds"], row["peak_memory_mb"]) == (1.0, 9.0, 300.0)


def test_warnings_mark_the_row_are_said_below_and_stand_in_the_csv(make_record) -> None:
    left_out = {"selection": {"evaluation": {"queries_without_relevant": 16, "queries": 100}}}
    one = "16 of 100 test queries have nothing relevant in database"
    records = [
        *seeds(make_record, "dsh", [0.4, 0.5], **left_out, warnings=[one, "mAP 0.4 is that of random codes (0.3)"]),
        *seeds(make_record, "itq", [0.6, 0.7], **left_out, warnings=[one]),
        *seeds(make_record, "lsh", [0.2, 0.3]),
    ]
    records[1] = records[1].model_copy(update={"warnings": [one, "mAP 0.5 is that of random codes (0.3)"]})
    frame = table(records)
    assert dict(zip(frame["method"], frame["warnings"], strict=True)) == {
        "dsh": f"{one}; mAP 0.4 is that of random codes (0.3)",  # numbers of the seeds differ, the warning is one
        "itq": one,
        "lsh": "",
    }
    assert dict(zip(frame["method"], frame["queries_left_out"], strict=True))["itq"] == 16
    lines = to_csv(frame).splitlines()
    assert lines[1].endswith(f",16,{one}")
    assert lines[3].endswith(",,")
    (section,) = sections(frame)
    assert [row[2] for row in section.rows] == ["itq !", "dsh !", "lsh"]
    assert f"! itq (16 bits): {one}." in section.note
    assert "! dsh (16 bits): " in section.note
    assert f"! itq (16 bits): {one}." in to_markdown(frame)


def test_anything_but_the_seed_makes_another_row(make_record) -> None:
    changes = [{}, {"bits": 32}, {"preset": "release"}, {"hparams": {"alpha": 1}}, {"fingerprint": "f"}, {"trials": 5}]
    frame = table([make_record(seed=seed, **change) for change in changes for seed in (0, 1)])
    assert list(frame["seeds"]) == [2] * len(changes)
    assert sorted(frame["tuning"]) == ["defaults"] * 5 + ["tuned(5)"]


def test_one_seed_has_no_standard_deviation(make_record) -> None:
    row = table([make_record()]).iloc[0]
    assert math.isnan(row["map_std"])
    assert row["map_mean"] == 0.5


def test_metrics_that_some_runs_lack_are_empty_there(make_record) -> None:
    frame = table([make_record("a", value=0.9), make_record("b", metrics={"map": 0.1, "map@5000": 0.2})])
    assert list(frame["map@5000_mean"].isna()) == [True, False]
    assert list(frame["map_worst_mean"].isna()) == [False, True]


def test_rows_are_sorted_and_never_ranked_across_fingerprints_or_bits(make_record) -> None:
    records = []
    for fingerprint, bits, method, base in [
        ("f2", 16, "low", 0.3),
        ("f1", 32, "high", 0.9),
        ("f1", 16, "low", 0.2),
        ("f1", 16, "high", 0.4),
    ]:
        values = [base, base + 0.01, base + 0.02]
        records += seeds(make_record, method, values, fingerprint=fingerprint, bits=bits)
    frame = table(records)
    found = list(zip(frame["fingerprint"], frame["bits"], frame["method"], frame["rank"], strict=True))
    assert found == [("f1", 16, "high", 1), ("f1", 16, "low", 2), ("f1", 32, "high", 1), ("f2", 16, "low", 1)]


def test_no_rank_with_fewer_than_three_seeds(make_record) -> None:
    frame = table(seeds(make_record, "a", [0.8, 0.81]) + seeds(make_record, "b", [0.2, 0.21, 0.22]))
    assert frame["rank"].isna().all()
    assert frame["rank_last"].isna().all()


def test_ranks_say_what_they_are_over(make_record) -> None:
    a, b = seeds(make_record, "a", [0.8, 0.81, 0.82]), seeds(make_record, "b", [0.2, 0.21, 0.22])
    steady = np.random.default_rng(0).uniform(-0.1, 0.1, 50)
    queries = {row_key(a[0]): 0.81 + steady, row_key(b[0]): 0.21 + steady}
    frame = table(a + b, queries=queries)
    assert list(frame["rank"]) == [1, 2]
    assert list(frame["rank_over"]) == ["seeds and queries"] * 2
    assert "over seeds alone" not in sections(frame)[0].note
    for missing in ({}, {row_key(a[0]): steady}, queries | {row_key(a[0]): steady[:9]}):
        alone = table(a + b, queries=missing)
        assert list(alone["rank_over"]) == ["seeds"] * 2
        assert "Ranks over seeds alone at 16 bits: not every row keeps map for each query." in sections(alone)[0].note
    few = table([*a, make_record("c")], queries=queries)
    assert few["rank_over"].isna().all()


def test_rows_that_take_no_part_need_no_values_a_query(make_record) -> None:
    metrics = [{"map": 0.5, "precision@r2": 0.1 * seed} for seed in range(3)]
    a = [make_record("a", seed=seed, metrics=metrics[seed]) for seed in range(3)]
    cosine = [make_record("features", seed=seed, metrics={"map": 0.5}) for seed in range(3)]
    frame = table(a + cosine, metric="precision@r2", queries={row_key(a[0]): np.linspace(0, 1, 9)})
    assert frame.loc[row_key(a[0]), "rank_over"] == "seeds and queries"
    assert pd.isna(frame.loc[row_key(cosine[0]), "rank_over"])


def test_a_difference_that_other_queries_could_turn_round_is_no_rank(make_record) -> None:
    """Without spread over seeds, as of closed-form methods, seeds alone would separate any two."""
    a, b = seeds(make_record, "a", [0.801] * 3), seeds(make_record, "b", [0.8] * 3)
    rng = np.random.default_rng(0)
    noise = rng.normal(0, 0.1, (2, 400))
    of_queries = noise - noise.mean(axis=1, keepdims=True)
    queries = {row_key(a[0]): 0.801 + of_queries[0], row_key(b[0]): 0.8 + of_queries[1]}
    assert list(table(a + b)["rank"]) == [1, 2]
    both = table(a + b, queries=queries)
    assert list(zip(both["rank"], both["rank_last"], strict=True)) == [(1, 2), (1, 2)]


def test_metric_chooses_order_and_rank(make_record) -> None:
    def run(method: str, value: float, error: float) -> list:
        return [
            make_record(method, seed=s, metrics={"map": value + s / 1000, "quantization_error": error + s / 1000})
            for s in range(3)
        ]

    records = run("a", 0.8, 0.3) + run("b", 0.5, 0.1)
    assert list(table(records)["method"]) == ["a", "b"]
    by_error = table(records, metric="quantization_error")
    assert list(by_error["method"]) == ["b", "a"]
    assert list(by_error["rank"]) == [1, 2]


@pytest.mark.parametrize(
    ("metric", "higher"),
    [
        *((name, True) for name in ("map", "precision@r2", "bit_balance", "bit_entropy", "distinct_codes")),
        *(
            (name, False)
            for name in ("quantization_error", "quantization_mse", "empty@r2", "bit_correlation", "tie_mass")
        ),
    ],
)
def test_direction_of_metrics(metric: str, higher: bool) -> None:
    assert known_metric(metric).metric.higher_is_better is higher


def test_unknown_metric_names_the_nearest(make_record) -> None:
    with pytest.raises(UserError, match=r"'mapp'.*Did you mean map"):
        table([make_record()], metric="mapp")


def test_the_same_run_twice_is_not_averaged(make_record) -> None:
    with pytest.raises(ValueError, match="same run twice"):
        table([make_record(), make_record()])


# --- CSV


def metrics() -> dict[str, float]:
    names = ["precision@1000", "precision@r2", "map_best", "precision@500", "map", "map_worst"]
    return {name: 1 / (3 + place) for place, name in enumerate(names)}


def test_header_of_the_csv_is_stable(make_record) -> None:
    assert to_csv(table([make_record(metrics=metrics())])).splitlines()[0] == HEADER


def test_csv_of_nothing_is_a_header(make_record) -> None:
    lines = to_csv(table([])).splitlines()
    assert lines == [",".join(c for c in HEADER.split(",") if not c.endswith(("_mean", "_std")))]


def test_csv_has_six_digits_and_empty_cells_and_reads_back(make_record) -> None:
    text = to_csv(table([make_record(metrics=metrics(), method="mé,thod", hparams={"a": 'x"y', "b": [1]})]))
    row = next(csv.DictReader(io.StringIO(text)))
    assert row["map_mean"] == f"{1 / 7:.6g}"
    assert row["map_std"] == ""
    assert row["rank"] == ""
    assert row["seeds"] == "1"
    assert row["method"] == "mé,thod"
    assert row["hparams"] == '{"a": "x\\"y", "b": [1]}'
    assert pd.read_csv(io.StringIO(text))["bits"][0] == 16


def test_ranks_in_the_csv_are_whole_numbers(make_record) -> None:
    text = to_csv(table(seeds(make_record, "a", [0.80, 0.81, 0.82]) + seeds(make_record, "b", [0.20, 0.21, 0.22])))
    assert [(row["rank"], row["rank_last"]) for row in csv.DictReader(io.StringIO(text))] == [("1", "1"), ("2", "2")]


# --- for people


def test_cells_show_spread_tie_interval_and_one_seed(make_record) -> None:
    several = seeds(make_record, "a", [0.731, 0.733, 0.735], preset="release", trials=20)
    (section,) = sections(table([*several, make_record("b", value=0.2)]))
    a, b = (dict(zip(section.columns, row, strict=True)) for row in section.rows)
    assert a["map"] == "0.733 ± 0.002 [0.70, 0.75]"
    assert (a["method"], a["seeds"], a["rank"]) == ("a@release tuned(20)", "3 seeds", "")
    assert b["map"] == "0.200 [0.17, 0.22]"
    assert b["seeds"] == "1 seed"
    assert "b (16 bits)" in section.note
    assert "a (16 bits)" not in section.note


def test_rank_intervals_are_shown(make_record) -> None:
    frame = table(
        seeds(make_record, "a", [0.80, 0.81, 0.82])
        + seeds(make_record, "b", [0.79, 0.80, 0.815])
        + seeds(make_record, "c", [0.50, 0.51, 0.52])
    )
    (section,) = sections(frame)
    assert [row[section.columns.index("rank")] for row in section.rows] == ["1–2", "1–2", "3"]
    assert section.note.startswith("Ranks over seeds alone at 16 bits")


def test_rows_without_the_metric_come_last_and_the_table_says_which_setting_is_which(make_record) -> None:
    records = [make_record("z", metrics={"map": math.nan}), make_record("a", value=0.1), make_record("a", hparams={})]
    (section,) = sections(table(records))
    names = [row[section.columns.index("method")] for row in section.rows]
    assert names[2] == "z"
    assert all(re.fullmatch(r"a \([0-9a-f]{6}\)", name) for name in names[:2])
    assert names[0] != names[1]


def test_undefined_values_are_a_dash(make_record) -> None:
    (section,) = sections(table([make_record(metrics={"map": math.nan}, timing={}, peak_memory_mb=math.nan)]))
    cells = dict(zip(section.columns, section.rows[0], strict=True))
    assert (cells["map"], cells["s/epoch"], cells["total s"], cells["peak MiB"]) == ("–", "–", "–", "–")


def test_fingerprints_are_separate_tables_that_say_how_they_differ(make_record) -> None:
    records = [
        make_record("a", fingerprint="f1" * 8),
        make_record("a", fingerprint="f2" * 8, protocol_description={"epochs": 9, "split": {"seed": 0}}),
        make_record("a", fingerprint="f3" * 8, protocol="cifar10", protocol_description={"epochs": 1}),
    ]
    differences = headings(records)
    assert differences == {"f1" * 8: "epochs = 5", "f2" * 8: "epochs = 9", "f3" * 8: ""}
    parts = sections(table(records), differences=differences)
    assert [part.heading for part in parts] == [
        "cifar10 · fingerprint f3f3f3f3 · small_conv",
        "digits · fingerprint f1f1f1f1 · small_conv",
        "digits · fingerprint f2f2f2f2 · small_conv",
    ]
    assert parts[2].note.startswith("Differs in: epochs = 9.")
    assert [len(part.rows) for part in parts] == [1, 1, 1]


def test_heading_names_all_backbones_of_a_fingerprint(make_record) -> None:
    records = [make_record("dsh", value=0.9), make_record("itq", backbone="raw"), make_record("lsh", backbone="raw")]
    (section,) = sections(table(records))
    assert section.heading == "digits · fingerprint a1b2c3d4 · small_conv, raw"


def test_markdown_is_one_table_a_fingerprint(make_record) -> None:
    records = [*seeds(make_record, "a|b", [0.731, 0.733, 0.735]), make_record("a", fingerprint="ff")]
    blocks = to_markdown(table(records)).split("\n\n")
    assert blocks[0] == "## digits · fingerprint a1b2c3d4 · small_conv"
    assert blocks[1].splitlines() == [
        "| bits | rank | method | seeds | map | precision@r2 | s/epoch | total s | peak MiB |",
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- |",
        "| 16 | 1 | a\\|b | 3 seeds | 0.733 ± 0.002 [0.70, 0.75] | 0.250 ± 0.000 | 1.50 | 8.0 | 300 |",
    ]
    assert blocks[2] == "## digits · fingerprint ff · small_conv"


# --- size


def test_a_thousand_runs_are_all_counted(tmp_path: Path, make_record) -> None:
    """How long it takes is measured by benchmarks/leaderboard.py."""
    rng = np.random.default_rng(0)
    names = ["map", "map_worst", "map_best", *(f"precision@{100 * n}" for n in range(1, 41))]
    history = [{"epoch": epoch, "loss": 1 / epoch, "lr": 0.1, "map": 0.5, "seconds": 1.25} for epoch in range(1, 51)]
    for number in range(1000):
        method, bits, seed = f"m{number // 50}", (8, 16, 24, 32, 40, 48, 56, 64, 96, 128)[number // 5 % 10], number % 5
        values = dict(zip(names, rng.random(len(names)), strict=True))
        folder = tmp_path / method / f"{bits}bit" / f"seed{seed}"
        folder.mkdir(parents=True)
        record = make_record(method, bits, seed, metrics=values, history=history)
        (folder / "result.json").write_text(record.to_json(), encoding="utf-8")
    found = find_runs(tmp_path)
    records, problems = found.records, found.problems
    frame = table(records)
    text = to_csv(frame) + to_markdown(frame, differences=headings(records))
    assert problems == []
    assert list(frame["seeds"]) == [5] * 200
    assert len(text.splitlines()) > 400
    by_hand = np.mean([r.metrics["map"] for r in records if (r.method, r.bits) == ("m7", 24)])
    assert frame.set_index(["method", "bits"]).loc[("m7", 24), "map_mean"] == pytest.approx(by_hand)
    for bits, group in frame.groupby("bits"):
        assert list(group["map_mean"]) == sorted(group["map_mean"], reverse=True), bits
