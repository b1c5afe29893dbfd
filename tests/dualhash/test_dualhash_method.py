"""The methods as the engine calls them: gradients, hooks, order, diagnostics, resume, and bad input."""

from __future__ import annotations

import inspect
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest
import torch
from short_runs import BITS, SAMPLES, Run

import hashbench_dualhash
from hashbench.catalog.yaml_file import read_catalog_file
from hashbench.errors import UserError
from hashbench_dualhash.ablations import PrimalHash, StoMHashWCR, SubgradientHash
from hashbench_dualhash.diagnostics import lyapunov
from hashbench_dualhash.initial_codes import initial_codes
from hashbench_dualhash.likelihood import LikelihoodHash
from hashbench_dualhash.method import DualHashStoM, DualHashStoRM
from hashbench_dualhash.outputs import at_the_iterate
from hashbench_dualhash.prox import prox_conjugate

METHODS = [LikelihoodHash, SubgradientHash, DualHashStoM, DualHashStoRM, PrimalHash, StoMHashWCR]
ACTIVE = {"sigma": 0.5, "lam": 0.3, "eta_u": 1.0, "tau": 0.2, "output": "linear", "batch_norm": False}


def optimizer_of(cls) -> str:
    return "StoRM" if cls is DualHashStoRM else "StoM"


def theta_gradient(**options) -> torch.Tensor:
    """Gradient with respect to all parameters of the first batch, u set to fixed values."""
    run = Run(DualHashStoM, **options)
    run.method.state.start(torch.randn(SAMPLES, BITS, generator=torch.Generator().manual_seed(options.pop("seed", 3))))
    run.backward(torch.arange(20))
    return torch.cat([p.grad.flatten() for p in run.network.parameters()])


def test_detached_gradient_knows_nothing_of_sigma_lambda_and_u():
    plain = Run(LikelihoodHash)
    plain.backward(torch.arange(20))
    expected = torch.cat([p.grad.flatten() for p in plain.network.parameters()])
    for options in ({"sigma": 10.0, "eta_u": 0.01, "lam": 0.5}, {"sigma": 0.0}):
        assert torch.equal(theta_gradient(detach=True, **options), expected)
        if options["sigma"]:
            assert (theta_gradient(**options) - expected).abs().max() > 1e-3


@pytest.mark.parametrize(("reduction", "share"), [("sum_over_bits", 1.0), ("mean_over_bits", 1 / BITS)])
def test_coupling_and_its_gradient_against_a_loop(reduction, share):
    run = Run(DualHashStoM, sigma=0.7, eta_u=0.5, reduction=reduction)
    u = torch.randn(SAMPLES, BITS, generator=torch.Generator().manual_seed(3))
    run.method.state.start(u)
    index = torch.tensor([4, 9, 30, 2])
    batch = run.forward(index)
    batch.codes.retain_grad()
    terms = run.method.loss(batch)
    terms["coupling"].backward()
    value, gradient = 0.0, torch.zeros(4, BITS, dtype=torch.float64)
    for row, sample in enumerate(index.tolist()):
        for k in range(BITS):
            gap = float(batch.codes[row, k].detach()) - float(u[sample, k])
            value += share * 0.7 / 2 * gap**2 / 4
            gradient[row, k] = share * 0.7 * gap / 4
    assert float(terms["coupling"].detach()) == pytest.approx(value, rel=1e-5)
    torch.testing.assert_close(batch.codes.grad.double(), gradient, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize(("reduction", "share"), [("sum_over_bits", 1.0), ("mean_over_bits", 1 / BITS)])
@pytest.mark.parametrize("regularizer", ["abs", "logcosh"])
def test_subgradient_term_against_a_loop(regularizer, reduction, share):
    run = Run(SubgradientHash, lam=0.4, regularizer=regularizer, reduction=reduction)
    batch = run.forward(torch.arange(5))
    value = 0.0
    for h in batch.codes.detach().double().flatten():
        gap = abs(float(h)) - 1
        value += (
            share * 0.4 / 5 * (abs(gap) if regularizer == "abs" else float(torch.log(torch.cosh(torch.tensor(gap)))))
        )
    assert float(run.method.loss(batch)["regularizer"].detach()) == pytest.approx(value, rel=1e-5)


def test_log_cosh_at_its_printed_value():
    run = Run(SubgradientHash, lam=1.0, regularizer="logcosh", reduction="mean_over_bits")
    batch = run.forward(torch.arange(5))
    batch.codes = torch.zeros(5, BITS)
    assert float(run.method.loss(batch)["regularizer"]) == pytest.approx(0.4337808, abs=1e-6)


def test_an_epoch_updates_u_then_y_at_the_recorded_outputs():
    run = Run(DualHashStoM, **ACTIVE)
    run.method.begin_fit(run.fit)
    recorded = torch.full((SAMPLES, BITS), torch.nan)
    after_step = run.method.after_step

    def spy(fit, batch):
        recorded[batch.index] = batch.codes
        after_step(fit, batch)

    run.method.after_step = spy
    for _ in range(3):
        u, y = run.method.state.u.clone(), run.method.state.y.clone()
        report = run.epoch()
    new = u - 1.0 * (0.5 * (u - recorded) + y)
    torch.testing.assert_close(run.method.state.u, new)
    torch.testing.assert_close(run.method.state.y, prox_conjugate(y + 0.2 * (2 * new - u), 0.2, 0.3))
    assert 0 < report["dual_active"] <= 1


def test_samples_that_no_step_saw_are_not_updated():
    run = Run(DualHashStoM, **ACTIVE)
    run.method.begin_fit(run.fit)
    start = run.method.state.u.clone()
    run.method.begin_epoch(run.fit)
    run.step(torch.arange(20))
    run.method.end_epoch(run.fit)
    assert torch.equal(run.method.state.u[20:], start[20:])
    assert not torch.equal(run.method.state.u[:20], start[:20])


@pytest.mark.parametrize("update_outputs", ["recorded", "fresh"])
def test_mode_batch_updates_the_rows_of_each_step(update_outputs):
    run = Run(DualHashStoM, dual_update="batch", update_outputs=update_outputs, **ACTIVE)
    run.method.begin_fit(run.fit)
    run.method.begin_epoch(run.fit)
    u = run.method.state.u.clone()
    index = torch.arange(20)
    batch = run.step(index)
    statistics = [b.clone() for n, b in run.network.named_buffers() if "running" in n]
    with at_the_iterate(run.optimizer):
        outputs = batch.codes if update_outputs == "recorded" else run.forward(index).codes.detach()
    torch.testing.assert_close(run.method.state.u[:20], u[:20] - 0.5 * (u[:20] - outputs))
    assert torch.equal(run.method.state.u[20:], u[20:])
    assert statistics, "the network has running statistics"


def test_a_fresh_batch_pass_leaves_running_statistics_alone():
    kept = {}
    for mode in ("recorded", "fresh"):
        run = Run(DualHashStoM, dual_update="batch", update_outputs=mode)
        run.method.begin_fit(run.fit)
        run.method.begin_epoch(run.fit)
        run.step(torch.arange(20))
        kept[mode] = {n: b.clone() for n, b in run.network.named_buffers() if "running" in n or "tracked" in n}
        assert run.method.needs_inputs == (mode == "fresh")
    assert all(torch.equal(kept["fresh"][n], b) for n, b in kept["recorded"].items())


def test_mode_full_updates_all_rows_at_fresh_codes():
    run = Run(DualHashStoM, dual_update="full", **ACTIVE)
    run.method.begin_fit(run.fit)
    run.method.begin_epoch(run.fit)
    u = run.method.state.u.clone()
    run.step(torch.arange(20))
    with at_the_iterate(run.optimizer):
        torch.testing.assert_close(run.method.state.u, u - 0.5 * (u - run.codes()))


@pytest.mark.parametrize("dual_update", ["epoch", "full"])
def test_storms_old_gradient_is_taken_at_the_old_u(dual_update):
    """What each loss call sees, parameters and u: a call of the closure repeats what the step before saw."""
    options = ACTIVE | {"dual_update": dual_update}
    run = Run(DualHashStoRM, optimizer="StoRM", optimizer_options={"a": 0.2}, **options)
    seen: list[tuple[torch.Tensor, torch.Tensor, bool]] = []
    coupled = run.method.coupled_codes

    def spy(index):
        weights = torch.cat([p.detach().flatten() for p in run.network.parameters()])
        seen.append((weights, coupled(torch.arange(SAMPLES)).clone(), run.optimizer.at_previous))
        return coupled(index)

    run.method.coupled_codes = spy
    run.train(2)
    fresh = [entry for entry in seen if not entry[2]]
    old = [entry for entry in seen if entry[2]]
    assert (len(fresh), len(old)) == (6, 5)
    for before, again in zip(fresh, old, strict=False):
        assert torch.equal(before[0], again[0])
        assert torch.equal(before[1], again[1])
    assert not torch.equal(fresh[2][1], fresh[3][1])


@pytest.mark.parametrize("batch", [20, 60])
def test_the_gradient_is_measured_in_the_last_step_of_an_epoch_and_in_no_other(batch):
    run = Run(DualHashStoM, batch=batch)
    measured: list[float] = []
    after_step = run.method.after_step

    def spy(fit, batch):
        norm = run.optimizer.gradient_norm
        measured.append(0.0 if norm is None else float(norm))
        run.optimizer.gradient_norm = None
        after_step(fit, batch)
        run.optimizer.gradient_norm = norm

    run.method.after_step = spy
    run.train(1)
    count = 60 // batch
    assert [norm > 0 for norm in measured] == [False] * (count - 1) + [True]
    assert run.epoch()["stationarity_theta"] == measured[-1]


def test_losses_of_storms_second_pass_are_not_averaged_in():
    run = Run(DualHashStoRM, optimizer="StoRM")
    run.method.begin_fit(run.fit)
    run.method.begin_epoch(run.fit)
    values = []
    for index in torch.arange(SAMPLES).split(20):
        values.append(float(run.method.similarity_term(run.forward(index)).detach()))
        run.step(index)
    run.method.end_epoch(run.fit)
    report = run.method.diagnostics()
    assert run.method.state.y.abs().max() == 0
    assert report["lagrangian"] - float(torch.tensor(values).mean()) == pytest.approx(
        run.method.options["sigma"] / 2 * BITS * report["u_distance"] ** 2, abs=1e-5
    )


def test_a_repeated_sample_counts_once_in_the_summary():
    reports = []
    for index in (torch.arange(20), torch.cat([torch.arange(20), torch.full((30,), 19)])):
        run = Run(DualHashStoM)
        run.method.begin_fit(run.fit)
        run.method.begin_epoch(run.fit)
        run.network.eval()
        batch = run.forward(index)
        run.method.loss(batch)
        run.method.after_step(run.fit, batch)
        run.method.end_epoch(run.fit)
        reports.append(run.method.diagnostics())
    assert reports[0]["u_distance"] == pytest.approx(reports[1]["u_distance"], rel=1e-5)
    assert reports[0]["stationarity_u"] == pytest.approx(reports[1]["stationarity_u"], rel=1e-5)


def test_oracle_calls_count_both_passes_of_storm():
    assert Run(DualHashStoM).train(2)["oracle_calls"] == 2 * SAMPLES
    assert Run(DualHashStoRM, optimizer="StoRM").train(2)["oracle_calls"] == 4 * SAMPLES - 20
    release = Run(DualHashStoRM, optimizer="StoRM", optimizer_options={"estimator": "release"})
    assert release.train(2)["oracle_calls"] == 2 * SAMPLES


def test_diagnostics_against_loops():
    run = Run(DualHashStoM, batch=SAMPLES, **ACTIVE)
    run.method.begin_fit(run.fit)
    h = torch.zeros(SAMPLES, BITS)
    similarity = torch.zeros(())
    loss, after_step = run.method.loss, run.method.after_step

    def spy_loss(batch):
        terms = loss(batch)
        similarity.copy_(terms["similarity"].detach())
        return terms

    def spy_step(fit, batch):
        h[batch.index] = batch.codes
        after_step(fit, batch)

    run.method.loss, run.method.after_step = spy_loss, spy_step
    for _ in range(4):
        old = run.method.state.u.clone()
        report = run.epoch()
    u, y, sigma, lam = run.method.state.u, run.method.state.y, 0.5, 0.3
    value = float(similarity)
    u_square = y_square = moved = 0.0
    for i in range(SAMPLES):
        for k in range(BITS):
            a, b, c = float(u[i, k]), float(y[i, k]), float(h[i, k])
            value += (sigma / 2 * (a - c) ** 2 + a * b - abs(b)) / SAMPLES
            u_square += (sigma * (a - c) + b) ** 2 / SAMPLES
            sign = 1 if b >= 0 else -1
            gap = max(abs(a) - 1, 0) if b == 0 else max(1 - a * sign, 0) if abs(b) >= lam else abs(a * sign - 1)
            y_square += gap**2 / SAMPLES
            moved += (a - float(old[i, k])) ** 2 / SAMPLES
    assert 0.05 < report["dual_active"] < 0.95
    assert report["dual_active"] == pytest.approx(float((y != 0).float().mean()))
    assert report["lagrangian"] == pytest.approx(value, rel=1e-4)
    assert report["stationarity_u"] == pytest.approx(u_square**0.5, rel=1e-4)
    assert report["stationarity_y"] == pytest.approx(y_square**0.5, rel=1e-4)
    assert report["u_distance"] == pytest.approx(float((u - h).square().mean().sqrt()), rel=1e-5)
    assert report["u_binary_gap"] == pytest.approx(float((u.abs() - 1).abs().mean()), rel=1e-5)
    assert report["quantization_error"] == pytest.approx(float((h.abs() - 1).abs().mean()), rel=1e-5)
    gradient = torch.cat([p.grad.flatten() for p in run.network.parameters()]).norm()
    assert report["stationarity_theta"] == pytest.approx(float(gradient), rel=1e-5)
    total = float(gradient) ** 2 + u_square + y_square
    assert report["stationarity"] == pytest.approx(total**0.5, rel=1e-4)
    energy = sum(float((run.optimizer.state[p]["displacement"] ** 2).sum()) for p in run.network.parameters())
    expected = lyapunov(torch.tensor(value), 0.9 / (2 * 0.05) * energy, torch.tensor(moved), 1.0)
    assert report["lyapunov"] == pytest.approx(float(expected), rel=1e-4)


@pytest.mark.parametrize("cls", METHODS)
@pytest.mark.parametrize("multilabel", [False, True])
def test_every_method_learns_on_one_and_on_several_labels(cls, multilabel):
    run = Run(cls, optimizer_of(cls), {"a": 0.3} if cls is DualHashStoRM else None, multilabel=multilabel)
    first = float(run.method.similarity_term(run.forward(torch.arange(SAMPLES))).detach())
    report = run.train(4)
    last = float(run.method.similarity_term(run.forward(torch.arange(SAMPLES))).detach())
    assert last < first - 0.02
    assert all(isinstance(value, float) for value in report.values())


@pytest.mark.parametrize("similarity_loss", ["pointwise", "triplet"])
def test_other_similarity_losses_train(similarity_loss):
    run = Run(DualHashStoM, similarity_loss=similarity_loss)
    everything = torch.arange(SAMPLES)
    first = float(run.method.similarity_term(run.forward(everything)).detach())
    run.train(4)
    assert float(run.method.similarity_term(run.forward(everything)).detach()) < first
    classifier = run.method.classifier
    assert (classifier is not None) == (similarity_loss == "pointwise")
    if classifier is not None:
        assert any(p is classifier.weight for group in run.optimizer.param_groups for p in group["params"])


@pytest.mark.parametrize("cls", METHODS)
def test_a_run_resumed_from_state_dicts_is_the_same_bit_for_bit(cls):
    options = ACTIVE if issubclass(cls, DualHashStoM) else {}
    settings = {"optimizer": optimizer_of(cls), **options}
    straight = Run(cls, **settings)
    straight.train(4)
    first = Run(cls, **settings)
    first.train(2)
    second = Run(cls, **settings)
    second.network.load_state_dict(first.network.state_dict())
    second.optimizer.load_state_dict(first.optimizer.state_dict())
    second.fit.epoch = 2
    second.epoch()
    report = second.epoch()
    for name, value in straight.network.state_dict().items():
        assert torch.equal(value, second.network.state_dict()[name]), name
    assert report == straight.method.diagnostics()


def test_the_codes_start_where_init_says():
    run = Run(DualHashStoM, init="random")
    expected = Run(DualHashStoM)
    run.method.begin_fit(run.fit)
    assert torch.equal(run.method.state.u, initial_codes("random", expected.fit, BITS))
    assert run.method.state.y.abs().max() == 0


@pytest.mark.parametrize("output", ["tanh", "softsign", "linear"])
def test_the_code_layer_and_the_activation(output):
    method = DualHashStoM(bits=4, num_classes=3, num_train=10, output=output, output_scale=0.5)
    logits = torch.tensor([[-2.0, 0.0, 1.0, 4.0]])
    half = logits / 2
    wanted = {"tanh": half.tanh(), "softsign": half / (1 + half.abs()), "linear": half}
    assert torch.equal(method.activation(logits), wanted[output])
    layers = list(method.code_layer(7))
    assert [type(layer).__name__ for layer in layers] == ["Linear", "BatchNorm1d"]
    assert layers[0].bias.abs().max() == 0
    plain = DualHashStoM(bits=4, num_classes=3, num_train=10, batch_norm=False).code_layer(7)
    assert isinstance(plain, torch.nn.Linear)


def test_alpha_by_default_bounds_the_logit_at_every_length():
    for bits in (8, 16, 64):
        method = LikelihoodHash(bits=bits, num_classes=3, num_train=10)
        assert 0.5 * method.alpha * bits == 8


@pytest.mark.parametrize("similarity_loss", ["pairwise", "triplet"])
def test_an_amplitude_widens_the_outputs_and_leaves_the_likelihood_alone(similarity_loss):
    runs = [Run(LikelihoodHash, similarity_loss=similarity_loss, amplitude=a) for a in (1.0, 2.0)]
    first, second = (run.backward(torch.arange(20)) for run in runs)
    assert torch.equal(second.codes, 2 * first.codes)
    assert second.codes.abs().max() > 1
    for a, b in zip(runs[0].network.parameters(), runs[1].network.parameters(), strict=True):
        torch.testing.assert_close(a.grad, b.grad, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize(("amplitude", "active"), [(1.0, False), (2.0, True)])
def test_the_dual_acts_where_the_amplitude_lets_outputs_leave_the_box(amplitude, active):
    run = Run(DualHashStoM, sigma=0.1, eta_u=5.0, lam=0.05, tau=0.02, init="network", amplitude=amplitude)
    run.method.begin_fit(run.fit)
    run.method.state.start(torch.zeros(SAMPLES, BITS))
    for _ in range(6):
        report = run.epoch()
    assert (report["dual_max"] > 0) == active


@pytest.mark.parametrize(
    ("cls", "options", "message"),
    [
        (DualHashStoM, {"dual_update": "epochs"}, "dual_update = 'epochs' is not known. Did you mean epoch?"),
        (DualHashStoM, {"lam": -0.1}, "lam = -0.1 must be >= 0"),
        (DualHashStoM, {"eta_u": -1.0}, "eta_u = -1.0 must be > 0"),
        (DualHashStoM, {"tau": -1.0}, "tau = -1.0 must be > 0"),
        (DualHashStoM, {"sigma": -1.0}, "sigma = -1.0"),
        (DualHashStoM, {"init": "itk"}, "init = 'itk' is not known. Did you mean itq?"),
        (DualHashStoM, {"reduction": "sum"}, "reduction = 'sum'"),
        (DualHashStoM, {"dual_update": "full", "update_outputs": "recorded"}, "set update_outputs to fresh or auto"),
        (LikelihoodHash, {"alpha": 0.0}, "alpha = 0.0"),
        (LikelihoodHash, {"similarity_loss": "pairs"}, "Did you mean pairwise"),
        (LikelihoodHash, {"output": "sigmoid"}, "output = 'sigmoid'"),
        (LikelihoodHash, {"margin": -1.0}, "margin"),
        (LikelihoodHash, {"output_scale": 0.0}, "output_scale"),
        (LikelihoodHash, {"amplitude": 0.0}, "amplitude = 0.0 must be > 0"),
        (SubgradientHash, {"regularizer": "l2"}, "regularizer = 'l2'"),
        (SubgradientHash, {"lam": -1.0}, "lam = -1.0"),
        (StoMHashWCR, {"lam": 0.05}, r"2 \* lam \* eta_u = 2.5 must be < 1"),
    ],
)
def test_bad_options_are_refused_in_one_line(cls, options, message):
    with pytest.raises(UserError, match=message) as caught:
        cls(bits=8, num_classes=3, num_train=10, **options)
    assert "\n" not in str(caught.value)


def test_a_batch_with_one_sample_is_refused():
    run = Run(DualHashStoM, batch_norm=False)
    run.network.eval()
    with pytest.raises(UserError, match="a batch with one sample has no pairs"):
        run.method.loss(run.forward(torch.tensor([3])))


def test_a_fresh_batch_pass_without_inputs_is_refused():
    run = Run(DualHashStoM, dual_update="batch", update_outputs="fresh")
    run.method.begin_fit(run.fit)
    run.method.begin_epoch(run.fit)
    batch = run.forward(torch.arange(20))
    batch.inputs = None
    with pytest.raises(UserError, match="set update_outputs=recorded"):
        run.method.after_step(run.fit, batch)


def test_the_registry_builds_every_method_and_preset():
    file = read_catalog_file(Path(hashbench_dualhash.__file__).parent / "registry.yaml")
    assert {"dualhash_stom", "dualhash_storm", "dualhash_wcr", "dualhash_likelihood"} <= set(file.methods)
    for name, entry in file.methods.items():
        module, _, cls_name = entry.class_path.partition(":")
        cls = getattr(import_module(module), cls_name)
        known = set(inspect.signature(cls).parameters) - {"bits", "num_classes", "num_train"}
        assert set(entry.hparams) <= known, name
        defaults = {p.name: p.default for p in inspect.signature(cls).parameters.values()}
        for preset in ({}, *entry.presets.values()):
            changes = {k: v for k, v in preset.items() if "." not in k}
            assert set(changes) <= known
            cls(bits=16, num_classes=10, num_train=50, **(entry.hparams | changes))
        assert set(entry.presets) == set(entry.preset_notes)
        assert {k for k in entry.search if "." not in k} <= known
        if name in ("dualhash_stom", "dualhash_storm", "dualhash_wcr", "dualhash_sgdm", "dualhash_primal"):
            assert entry.hparams == {k: defaults[k] for k in entry.hparams}, name


def test_the_release_preset_is_detached_and_collapsed():
    file = read_catalog_file(Path(hashbench_dualhash.__file__).parent / "registry.yaml")
    assert file.methods["dualhash_stom"].presets["release"]["detach"] is True
    storm = file.methods["dualhash_storm"].presets["release"]
    assert (storm["detach"], storm["optimizer.estimator"]) == (True, "release")
    for name in ("dualhash_stom", "dualhash_storm"):
        assert file.methods[name].presets["paper"]["detach"] is False


def test_the_package_imports_nothing_heavy():
    code = "import sys, hashbench_dualhash; sys.exit(any(m in sys.modules for m in ('torch', 'mmengine', 'sklearn')))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
