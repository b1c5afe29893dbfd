"""What figures show equals what is worked out by hand; the plots hold these very numbers."""

from __future__ import annotations

import itertools
import math
from pathlib import Path

import numpy as np
import pytest

from hashbench.evaluation import pack_codes
from hashbench.evaluation.metrics import register
from hashbench.report.figures import history, over_bits, retrieval
from hashbench.report.figures.codes import codes_of_one_image
from hashbench.report.figures.distances import distances
from hashbench.report.figures.measured import MeasuredCodes
from hashbench.report.figures.sensitivity import sensitivity
from hashbench.report.figures.series import group_series, settings
from hashbench.report.figures.style import COLOURS, house_style, panels_of, styles
from hashbench.results.folder import RunFolder
from hashbench.results.record import ResultRecord

BITS = 4


def a_run(method: str = "dsh", bits: int = BITS, seed: int = 0, folder: Path = Path("nowhere"), **changes) -> RunFolder:
    values = {
        "fingerprint": "a1b2c3d4e5f6",
        "protocol": "digits",
        "method": method,
        "hparams": {"alpha": 0.01},
        "bits": bits,
        "seed": seed,
        "metrics": {"map": 0.5},
        "backbone": "small_conv",
        "dataset": "digits",
    }
    run = RunFolder(folder)
    run.record = ResultRecord.model_validate(values | changes)
    return run


def one(runs):
    groups, labels = group_series(runs)
    (group,) = groups
    return group, styles(labels)


def axes_of(sheet, style):
    with house_style():
        (page,) = sheet.pages(style)
    return page.figure.axes


def line(ax, colour):
    """x and y of the line of a colour; there must be one."""
    (found,) = [one for one in ax.lines if one.get_color() == colour and len(one.get_xdata())]
    return np.asarray(found.get_xdata()).tolist(), np.asarray(found.get_ydata()).tolist()


def epochs(losses, values=None, **extra):
    return [
        {
            "epoch": i + 1,
            "loss": loss,
            **({"val_map": values[i]} if values else {}),
            **{k: v[i] for k, v in extra.items()},
        }
        for i, loss in enumerate(losses)
    ]


# --- over epochs


def test_training_is_the_mean_over_seeds_with_its_spread():
    runs = [
        a_run(seed=0, history=epochs([4.0, 2.0, 1.0], [0.1, 0.3, 0.5])),
        a_run(seed=1, history=epochs([2.0, 2.0, 3.0], [0.3, 0.3, 0.9])),
    ]
    group, style = one(runs)
    (sheet,) = history.training(group)
    loss_axes, map_axes = axes_of(sheet, style)
    assert line(loss_axes, COLOURS[0]) == ([1, 2, 3], [3.0, 2.0, 2.0])
    x, y = line(map_axes, COLOURS[0])
    assert x == [1, 2, 3]
    assert y == pytest.approx([0.2, 0.3, 0.7])
    (band,) = loss_axes.collections
    corners = band.get_paths()[0].vertices
    assert corners[:, 1].max() == pytest.approx(3 + math.sqrt(2))  # standard deviation of 4 and 2 with ddof = 1
    assert corners[corners[:, 0] == 2][:, 1].tolist() == pytest.approx([2.0] * np.sum(corners[:, 0] == 2))


def test_one_seed_has_no_band():
    group, style = one([a_run(history=epochs([2.0, 1.0], [0.1, 0.2]))])
    (sheet,) = history.training(group)
    assert not axes_of(sheet, style)[0].collections


def test_seeds_that_stopped_early_end_the_curve_and_missing_epochs_are_left_out():
    longer = epochs([4.0, 2.0, 1.0, 0.5])
    del longer[1]["loss"]
    group, _ = one([a_run(seed=0, history=longer), a_run(seed=1, history=epochs([2.0, 2.0, 3.0]))])
    curve = history.history_curve(group.series[0], "loss")
    assert curve.x.tolist() == [1, 3]
    assert curve.y.tolist() == [3.0, 2.0]


def test_a_method_without_two_epochs_of_loss_is_not_in_the_training_figure():
    group, _ = one([a_run("itq", history=[{"epoch": 1, "seconds": 1.0}]), a_run(history=epochs([2.0, 1.0]))])
    (sheet,) = history.training(group)
    assert sheet.labels == ["dsh"]
    assert history.training(one([a_run("itq", history=epochs([1.0]))])[0]) == []


def test_the_protocol_says_which_validation_metric_is_drawn():
    entries = [{"epoch": i, "loss": 1.0, "val_map": 0.1, "val_map@5000": i / 10} for i in (1, 2)]
    group, style = one([a_run(history=entries, selection={"metric": "map@5000"})])
    ax = axes_of(history.training(group)[0], style)[1]
    assert ax.get_ylabel() == "validation mAP@5000"
    assert line(ax, COLOURS[0])[1] == [0.1, 0.2]


def test_optimizers_are_compared_over_epochs_and_over_oracle_calls():
    twice = a_run("storm", history=epochs([3.0, 2.0], [0.3, 0.4], oracle_calls=[20.0, 40.0]), metrics={"map": 0.9})
    once = a_run("stom", history=epochs([4.0, 1.0], [0.1, 0.2], oracle_calls=[10.0, 20.0]))
    other = a_run("dsh", history=epochs([1.0, 1.0], [0.1, 0.2]))
    group, style = one([once, twice, other])
    (sheet,) = history.optimizers(group)
    assert sheet.labels == ["storm", "stom"], "the better first, and only those that count oracle calls"
    axes = axes_of(sheet, style)
    assert [ax.get_xlabel() for ax in axes] == ["epoch", "oracle calls"] * 2
    assert line(axes[0], COLOURS[0]) == ([1, 2], [3.0, 2.0])
    assert line(axes[1], COLOURS[0]) == ([20, 40], [3.0, 2.0])
    assert line(axes[3], style["stom"].colour) == ([10, 20], [0.1, 0.2])


def test_diagnostics_are_whatever_a_method_logs_of_itself():
    entries = [
        {"epoch": i, "loss": 1.0, "lr": 0.1, "seconds": 1.0, "val_map": 0.5, "dual_active": i / 4, "note": "text"}
        for i in (1, 2)
    ]
    group, style = one([a_run(history=entries)])
    (sheet,) = history.diagnostics(group)
    (ax,) = axes_of(sheet, style)
    assert ax.get_ylabel() == "share of non-zero duals"
    assert line(ax, COLOURS[0]) == ([1, 2], [0.25, 0.5])


# --- over bits


def test_metrics_over_bits_with_seeds_and_ties():
    def metrics(value):
        return {"map": value, "map_worst": value - 0.1, "map_best": value + 0.2, "quantization_error": value / 10}

    runs = [
        a_run(bits=16, seed=0, metrics=metrics(0.4)),
        a_run(bits=16, seed=1, metrics=metrics(0.6)),
        a_run(bits=64, seed=0, metrics=metrics(0.8)),
        a_run(bits=64, seed=1, metrics=metrics(0.8)),
        a_run("lsh", bits=32, metrics={"map": 0.3}),
    ]
    group, style = one(runs)
    (sheet,) = over_bits.bits(group)
    curve = sheet.panels[0].curves["dsh"]
    assert curve.x.tolist() == [0, 2], "16 and 64 of 16, 32, 64"
    assert curve.y.tolist() == pytest.approx([0.5, 0.8])
    assert curve.spread.tolist() == pytest.approx([math.sqrt(0.02), 0.0])
    assert curve.ties.tolist() == [pytest.approx([0.4, 0.7]), pytest.approx([0.7, 1.0])]
    assert sheet.panels[0].curves["lsh"].ties is None
    assert sheet.panels[1].curves["dsh"].y.tolist() == pytest.approx([0.05, 0.08])
    assert "lsh" not in sheet.panels[1].curves
    left, _ = axes_of(sheet, style)
    assert [tick.get_text() for tick in left.get_xticklabels()] == ["16", "32", "64"]
    x, y = line(left, style["dsh"].colour)
    assert y == pytest.approx([0.5, 0.8])
    assert x == pytest.approx([0, 2], abs=0.1), "side by side with lsh"
    bars = next(c for c in left.collections if c.get_linewidth()[0] > 3)
    assert [segment[:, 1].tolist() for segment in bars.get_segments()] == [
        pytest.approx([0.4, 0.7]),
        pytest.approx([0.7, 1.0]),
    ]


def test_precision_and_recall_over_bits():
    runs = [a_run(bits=b, metrics={"map": 0.5, "precision@r2": b / 100, "recall@r2": 1 / b}) for b in (16, 32)]
    group, style = one(runs)
    (sheet,) = over_bits.radius_bits(group)
    precision, recall = axes_of(sheet, style)
    assert line(precision, COLOURS[0])[1] == [0.16, 0.32]
    assert line(recall, COLOURS[0])[1] == [1 / 16, 1 / 32]


# --- from codes


@pytest.fixture
def stored(tmp_path):
    """stored(method, seed, ...) -> a run with codes of its own; the codes themselves in `.codes`."""

    def make(method="dsh", seed=0, **changes):
        rng = np.random.default_rng([seed, len(method)])
        query, database = rng.integers(0, 2, (5, BITS)), rng.integers(0, 2, (12, BITS))
        query_labels, database_labels = rng.integers(0, 2, 5), np.arange(12) % 2
        folder = tmp_path / method / str(seed)
        folder.mkdir(parents=True)
        outputs = np.where(query[:3] == 1, 0.75, -0.25).astype(np.float32)
        np.savez(
            folder / "codes.npz",
            query_codes=pack_codes(query),
            database_codes=pack_codes(database),
            query_labels=query_labels,
            database_labels=database_labels,
            query_index=np.arange(100, 105),
            database_index=np.arange(12),
            bits=BITS,
            query_outputs=outputs,
        )
        distance = (query[:, None] != database[None]).sum(-1)
        relevant = query_labels[:, None] == database_labels[None]
        make.pairs[method, seed] = distance, relevant
        return a_run(method, seed=seed, folder=folder, **changes)

    make.pairs = {}
    return make


def test_precision_at_t_is_the_mean_over_all_orders_of_ties(stored):
    runs = [stored(seed=seed) for seed in (0, 1)]
    group, style = one(runs)
    (sheet,) = retrieval.topk(group, MeasuredCodes())
    by_seed = []
    for seed in (0, 1):
        distance, relevant = stored.pairs["dsh", seed]
        per_query = []
        for d, r in zip(distance, relevant, strict=True):
            # A place inside a group holds a relevant item with the group's share of relevant items.
            chance = [r[d == value].mean() for value in np.sort(d)]
            per_query.append(np.cumsum(chance) / np.arange(1, 13))
        by_seed.append(np.mean(per_query, axis=0))
    (ax,) = axes_of(sheet, style)
    x, y = line(ax, COLOURS[0])
    assert x == list(range(1, 13))
    assert y == pytest.approx(np.mean(by_seed, axis=0).tolist(), abs=1e-12)


def test_precision_and_recall_within_each_radius(stored):
    group, style = one([stored()])
    distance, relevant = stored.pairs["dsh", 0]
    (sheet,) = retrieval.radius(group, MeasuredCodes())
    precision, recall = axes_of(sheet, style)
    inside = [distance <= radius for radius in range(BITS + 1)]
    by_hand = [np.mean([r[i].mean() if i.any() else 0 for r, i in zip(relevant, ball, strict=True)]) for ball in inside]
    assert line(precision, COLOURS[0]) == (list(range(BITS + 1)), pytest.approx(by_hand))
    by_hand = [np.mean([(r & i).sum() / r.sum() for r, i in zip(relevant, ball, strict=True)]) for ball in inside]
    assert line(recall, COLOURS[0])[1] == pytest.approx(by_hand)


def test_precision_over_recall_ends_at_the_share_of_relevant_items(stored):
    group, style = one([stored()])
    _, relevant = stored.pairs["dsh", 0]
    (sheet,) = retrieval.precision_recall(group, MeasuredCodes())
    (ax,) = axes_of(sheet, style)
    x, y = line(ax, COLOURS[0])
    assert x == pytest.approx(np.linspace(0, 1, 101).tolist())
    assert all(later <= earlier + 1e-12 for earlier, later in itertools.pairwise(y))
    assert y[-1] >= relevant.mean() - 1e-12


def test_distance_distributions_and_their_means(stored):
    group, style = one([stored(seed=seed) for seed in (0, 1)])
    (sheet,) = distances(group, MeasuredCodes())
    cell = sheet.cells["dsh"]
    near, far, shares = [], [], []
    for seed in (0, 1):
        distance, relevant = stored.pairs["dsh", seed]
        near.append(distance[relevant].mean())
        far.append(distance[~relevant].mean())
        shares.append(np.bincount(distance[relevant], minlength=BITS + 1) / relevant.sum())
    assert cell.similar == pytest.approx(np.mean(shares, axis=0))
    assert (cell.mean_similar, cell.mean_dissimilar) == pytest.approx((np.mean(near), np.mean(far)))
    (ax,) = axes_of(sheet, style)
    assert sorted(one.get_xdata()[0] for one in ax.lines) == pytest.approx(sorted([np.mean(near), np.mean(far)]))
    assert f"= {np.mean(far) - np.mean(near):.1f} bits" in ax.get_title()


def test_separability_and_map_against_quantisation_error(stored):
    run = stored(metrics={"map": 0.7, "quantization_error": 0.2})
    group, style = one([run])
    (sheet,) = over_bits.tradeoff(group, MeasuredCodes())
    distance, relevant = stored.pairs["dsh", 0]
    left, right = axes_of(sheet, style)
    assert line(right, COLOURS[0]) == ([0.2], [0.7])
    assert line(left, COLOURS[0])[1] == pytest.approx([distance[~relevant].mean() - distance[relevant].mean()])


def test_the_code_of_one_image_before_and_after(stored):
    group, style = one([stored("dsh"), stored("hashnet")])
    (sheet,) = codes_of_one_image(group, MeasuredCodes())
    assert "image 100" in sheet.heading
    axes = axes_of(sheet, style)
    for ax, outputs in zip(axes, sheet.cells.values(), strict=True):
        assert [bar.get_height() for bar in ax.patches] == pytest.approx(outputs.tolist())
        dots = ax.lines[-1]
        assert dots.get_ydata().tolist() == [1.0 if value > 0 else -1.0 for value in outputs]
    assert {abs(v) for v in sheet.cells["dsh"].tolist()} <= {0.75, 0.25}


def test_an_image_that_not_all_methods_kept_is_not_shown(stored, tmp_path):
    first, second = stored("dsh"), stored("hashnet")
    path = second.codes_path
    with np.load(path) as file:
        arrays = {name: file[name] for name in file.files}
    np.savez(path, **(arrays | {"query_index": np.array([102, 100, 7, 8, 9])}))
    group, _ = one([first, second])
    (sheet,) = codes_of_one_image(group, MeasuredCodes())
    assert "image 100" in sheet.heading, "the first of the first method that both have"
    assert sheet.cells["hashnet"].tolist() == arrays["query_outputs"][1].tolist()


def test_unreadable_codes_are_named_once_and_a_run_without_codes_is_passed_over(stored, tmp_path):
    good, bad, none = stored("dsh"), stored("hashnet"), stored("features")
    bad.codes_path.write_bytes(b"PK rubbish")
    none.codes_path.unlink()
    group, _ = one([good, bad, none])
    codes = MeasuredCodes()
    for build in (retrieval.topk, distances, codes_of_one_image):
        (sheet,) = build(group, codes)
        assert list(sheet.sources) == ["dsh"]
    (problem,) = codes.problems
    assert str(bad.codes_path) in problem


# --- sensitivity


def grid(values, **common):
    return [
        a_run(preset=f"custom-{i}", hparams={"lam": lam, "sigma": sigma, **common}, metrics={"map": value})
        for i, ((lam, sigma), value) in enumerate(values.items())
    ]


def test_a_heat_map_over_the_two_hyperparameters_that_differ():
    values = {(lam, sigma): lam * 10 + sigma for lam in (0.01, 0.05) for sigma in (0.1, 0.02, 0.3)}
    group, style = one(grid(values, optimizer={"lr": 0.1}))
    (sheet,) = sensitivity(group)
    ax = axes_of(sheet, style)[0]
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("sigma", "lam")
    assert [tick.get_text() for tick in ax.get_xticklabels()] == ["0.02", "0.1", "0.3"]
    shown = np.asarray(ax.images[0].get_array())
    assert shown.tolist() == [pytest.approx([values[lam, s] for s in (0.02, 0.1, 0.3)]) for lam in (0.01, 0.05)]
    (frame,) = ax.patches
    assert (frame.get_x() + 0.46, frame.get_y() + 0.46) == pytest.approx((2, 1)), "the largest value is framed"


def test_runs_that_differ_in_a_third_hyperparameter_have_heat_maps_of_their_own():
    square = {(lam, sigma): lam + sigma for lam in (1, 2) for sigma in (3, 4)}
    runs = grid(square, tau=0) + grid({key: value / 2 for key, value in square.items()}, tau=1)
    (sheet,) = sensitivity(one(runs)[0])
    titles = [label.partition("\n")[2] for label, cell in sheet.cells.items() if (cell.x, cell.y) == ("sigma", "lam")]
    assert titles == ["tau = 0", "tau = 1"]
    assert np.nanmax(sheet.cells[f"dsh, {BITS} bits\ntau = 1"].values) == 3


def test_one_hyperparameter_or_a_sparse_grid_is_no_heat_map():
    assert sensitivity(one(grid({(lam, 1): 0.5 for lam in range(6)}))[0]) == []
    corner = {(0, s): 0.5 for s in range(5)} | {(lam, 0): 0.5 for lam in range(1, 5)}
    assert sensitivity(one(grid(corner))[0]) == []


# --- which runs stand together


def test_fingerprints_are_never_mixed_and_files_of_one_protocol_do_not_collide():
    runs = [a_run(history=epochs([2.0, 1.0])), a_run("csq", fingerprint="ffff0000ffff", history=epochs([4.0, 3.0]))]
    groups, _ = group_series(runs)
    assert [[s.label for s in c.series] for c in groups] == [["dsh"], ["csq"]]
    assert [c.name for c in groups] == ["digits-a1b2c3d4", "digits-ffff0000"]


def test_the_best_method_comes_first_unless_an_order_is_given():
    runs = [a_run(m, metrics={"map": v}) for m, v in (("lsh", 0.1), ("csq", 0.9), ("dsh", 0.5))]
    assert group_series(runs)[1] == ["csq", "dsh", "lsh"]
    assert group_series(runs, first=["dsh", "lsh"])[1] == ["dsh", "lsh", "csq"]


def test_variants_of_a_method_stand_together_where_the_best_of_them_stands():
    runs = [a_run(m, metrics={"map": v}) for m, v in (("x_a", 0.1), ("csq", 0.8), ("dsh", 0.5), ("x_b", 0.7))]
    assert group_series(runs)[1] == ["csq", "x_b", "x_a", "dsh"]


def test_settings_that_only_hyperparameters_tell_apart_are_told_apart():
    runs = [a_run(hparams={"alpha": alpha, "beta": 1}) for alpha in (0.1, 0.2)]
    runs += [a_run("csq", bits=bits, hparams={"alpha": bits}) for bits in (16, 32)]
    assert sorted(group_series(runs)[1]) == ["csq", "dsh (alpha=0.1)", "dsh (alpha=0.2)"]


def test_settings_say_what_the_label_of_own_hyperparameters_stands_for():
    runs = [a_run(preset=f"default+{i}", hparams={"lam": i, "optimizer": {"lr": 1}}) for i in (1, 2)]
    (group,), _ = group_series([*runs, a_run("csq")])
    assert settings(group) == {"dsh@default+1": "lam=1", "dsh@default+2": "lam=2"}


@pytest.mark.parametrize("number", [1, 8, 9, 31])
def test_at_most_eight_series_a_panel_none_of_one_colour(number):
    labels = [f"m{i}" for i in range(number)]
    style = styles(labels)
    groups = panels_of(labels, style)
    assert sorted(itertools.chain(*groups)) == sorted(labels)
    for group in groups:
        assert len(group) <= 8
        assert len({style[label].colour for label in group}) == len(group)
        assert len({style[label].marker for label in group}) == len(group)
    looks = {(s.colour, s.marker, str(s.dash)) for s in style.values()}
    assert len(looks) == number, "every series has a look of its own"


def test_every_method_is_emphasised_once_and_grey_elsewhere():
    runs = [
        a_run(f"m{i:02}", history=epochs([2.0 + i, 1.0 + i], [0.1, 0.2]), metrics={"map": 1 - i / 100})
        for i in range(20)
    ]
    group, style = one(runs)
    (sheet,) = history.training(group)
    with house_style():
        pages = list(sheet.pages(style))
    assert [label for page in pages for label in page.labels] == [f"m{i:02}" for i in range(20)]
    for page in pages:
        for ax in page.figure.axes:
            assert len(ax.lines) == 20
    legends = [text.get_text() for page in pages for legend in page.figure.legends for text in legend.get_texts()]
    assert legends.count("other methods") == 3
    assert sorted(set(legends) - {"other methods"}) == [f"m{i:02}" for i in range(20)]


def test_a_metric_of_ones_own_has_a_panel_over_bits(metric_table):
    register(lambda counts: counts.p.sum(axis=1), name="first_hit", label="rank of the first hit", log=True)
    runs = [a_run(bits=bits, metrics={"map": 0.5, "first_hit": bits / 2}) for bits in (8, 16)]
    comparison, style = one(runs)
    (sheet,) = over_bits.bits(comparison)
    assert [panel.y_label for panel in sheet.panels] == ["mAP", "rank of the first hit"]
    assert sheet.panels[1].may_be_log == "y"
    assert "rank of the first hit" in sheet.caption
    (ax,) = [ax for ax in axes_of(sheet, style) if ax.get_ylabel() == "rank of the first hit"]
    assert line(ax, style["dsh"].colour)[1] == [4.0, 8.0]
