"""Files and values of the user's that are wrong: one line, before anything is trained or written."""

from __future__ import annotations

import json

import pytest
from refusal import assert_refused, short_id

RUN = ("run", "--method", "dsh", "--protocol", "cifar10-54k")
"""Its data are not there: a request that is right is refused for that alone, in the end."""

STUDY = {
    "study": 1, "method": "dsh", "preset": None, "sets": [], "sampler": "named", "seed": 0,
    "search": {"alpha": {"log": [0.001, 1.0]}},
    "run": {
        "protocol": "digits", "preset": "default", "bits": 32, "seed": 0, "settings": {"primary": "map", "epochs": 2}, "hparams": {},
        "optimizer": {}, "schedule": {},
    },
    "trials": [{"number": 0, "values": {}, "score": 0.5, "epoch": 1, "seconds": 1.0, "failure": None}],
}  # fmt: skip


@pytest.mark.parametrize(
    "value",
    ["{? [a] : 1}", "2001-99-99", "2001-01-01", "!!bool x", "!!timestamp x", "[" * 2000, "- " * 900 + "a", "&a [*a]",
     "9" * 5000, "1e999", "nan", "!!binary x", "{1: 2}", "[", "\x1b[31m: :", "\udcff: ["],
    ids=short_id,
)  # fmt: skip
def test_a_value_of_set_or_search_that_is_not_plain(cli, value):
    assert_refused(cli(*RUN, "--set", f"alpha={value}"), "--set 'alpha=")
    if " " not in value:
        assert_refused(cli("tune", "dsh", "--search", f"alpha=choice {value} 1"), "--search 'alpha=")


def test_a_long_value_and_a_long_name_are_cut(cli):
    for words in (("--set", "alpha=" + "x" * 5000), ("--set", "y" * 5000 + "=1"), ("--set", "z" * 5000)):
        assert_refused(cli(*RUN, *words))
    assert_refused(cli("run", "--method", "x" * 5000), "Known: ", "hashbench list methods")
    assert_refused(cli("show", "\x1b[31m\nred"), "\\x1b[31m\\nred")
    assert_refused(cli("x" * 5000), "No such command 'xxx", "--help)")


def test_the_type_of_an_optimizer_is_a_name(cli):
    for section in ("optimizer", "schedule"):
        assert_refused(cli(*RUN, "--set", f"{section}.type=[SGD]"), f"{section}.type=", "expected a name")


def test_an_error_of_a_config_names_its_key_and_not_an_option(cli, tmp_path):
    (tmp_path / "c.yaml").write_text("run: {method: dsh, settings: {backbone: squeezenet}}\n")
    (tmp_path / "d.py").write_text("run = dict(method='dsh', hparams=dict(alpha='much'))\n")
    assert_refused(cli("run", "--config", "d.py"), "--config d.py", "key alpha=much")
    result = cli(*RUN, "--set", "backbone.batch_norm=much")
    assert_refused(result, "--set backbone.batch_norm=much")


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("c.yaml", "run: {method: dsh, hparams: {alpha: 2001-01-01}}", "line 1: '2001-01-01' is a date"),
        ("c.yaml", "run: &a {method: dsh, hparams: *a}", "contains itself"),
        ("c.yaml", "run:\n  method: dsh\n  method: csq", "line 3: the name 'method' stands twice"),
        ("c.json", '{"run": {"method": "dsh", "method": "csq"}}', "the name 'method' stands twice"),
        ("c.json", '{"run": ' + "[" * 5000, "nested more than 60 deep"),
        ("c.json", '{"run": {"method": "dsh", "bits": ' + "9" * 5000 + "}}", "not a number that can be read"),
        ("c.json", '{"run": {"method": "dsh", "optimizer": {"type": ["SGD"]}}}', "optimizer.type"),
        ("c.json", '{"run": {"method": "dsh", "changed": [{}]}}', "run.changed is a list of names"),
        ("c.json", '{"run": {"method": "dsh"}, "train_cfg": [1]}', "train_cfg is a mapping"),
        ("c.py", "run = dict(method='dsh', hparams={1: 2})", "is not a word"),
        ("c.py", "run = dict(method='dsh', hparams=dict(alpha=10**5000))", "at most 64 bits"),
        ("c.py", "run = []\nrun.append(run)", "c.py"),
        ("c.py", "raise SystemExit(0)", "SystemExit: 0"),
        ("c.py", "run = dict(method='dsh')\ncustom_imports = dict(imports=7)", "a list of names of modules"),
    ],
    ids=short_id,
)
def test_a_config_that_is_wrong(cli, tmp_path, name, text, words):
    (tmp_path / name).write_text(text)
    assert_refused(cli("run", "--config", name), f"--config {name}", words)


def test_bases_of_bases_have_an_end(cli, tmp_path):
    for number in range(20):
        (tmp_path / f"{number}.yaml").write_text(f"_base_: {number + 1}.yaml\n")
    assert_refused(cli("run", "--config", "0.yaml"), "bases of bases")


METHOD = "methods:\n  mine: {class: 'CLASS', kind: KIND}\n"
CONTRACT = {"deep": "subclass of hashbench.models.DeepMethod", "shallow": "subclass of hashbench.models.ShallowMethod"}


@pytest.mark.parametrize("kind", CONTRACT)
@pytest.mark.parametrize(
    ("path", "what"),
    [("os:path", "a module"), ("builtins:int", "another class"), ("builtins:len", "a function"), ("sys:maxsize", "type int")],
    ids=short_id,
)  # fmt: skip
def test_a_class_path_that_is_no_method_is_told_the_contract(cli, tmp_path, kind, path, what):
    (tmp_path / "hashbench.yaml").write_text(METHOD.replace("CLASS", path).replace("KIND", kind))
    for words in (("show", "mine"), ("run", "--method", "mine")):
        assert_refused(cli(*words), f"{path} is", what, CONTRACT[kind])


@pytest.mark.parametrize(
    ("section", "entry", "words"),
    [
        ("datasets", "{class: 'os:path'}", "a data set is a class whose load()"),
        ("datasets", "{class: 'builtins:int'}", "a data set is a class whose load()"),
        ("optimizers", "{class: 'builtins:int'}", "a subclass of torch.optim.Optimizer"),
        ("schedules", "{class: 'sys:maxsize'}", "a schedule is a function"),
        ("schedules", "{class: 'builtins:min'}", "its arguments cannot be read"),
        ("backbones", "{class: 'os:path'}", "a backbone is a torch.nn.Module"),
        ("executors", "{class: 'os:path'}", "an executor is a subclass of"),
        ("metrics", "{class: 'os:path'}", "a metric is a decorated function"),
    ],
    ids=short_id,
)
def test_a_class_path_of_another_kind_is_told_its_contract(cli, tmp_path, section, entry, words):
    (tmp_path / "hashbench.yaml").write_text(f"{section}:\n  mine: {entry}\n")
    assert_refused(cli("show", "mine"), words)


def test_a_catalogue_that_repeats_itself_without_end_is_refused_at_once(cli, tmp_path):
    laughs = "".join(f"  a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 12))
    (tmp_path / "hashbench.yaml").write_text(f"methods:\n  a0: &a0 [x, x, x, x, x, x, x, x, x]\n{laughs}")
    assert_refused(cli("show", "dsh"), "hashbench.yaml:", "more than 100,000 values")


def test_a_method_that_leaves_does_not_look_like_success(cli, tmp_path, as_before):
    (tmp_path / "leaving.py").write_text(
        "from hashbench.models import DeepMethod\nfrom hashbench.registry import METHODS\n"
        "@METHODS.register_module('leaving')\nclass Leaving(DeepMethod):\n"
        "    def __init__(self, **shared):\n        raise SystemExit(0)\n    def loss(self, batch):\n        return {}\n"
    )
    code, _, err = cli("run", "--method", "leaving", "--import", "leaving.py")
    assert (code, err.count("SystemExit: 0")) == (2, 1)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"run": {}}, "run: protocol, "),
        ({"run": STUDY["run"] | {"settings": {}}}, "settings.primary, settings.epochs missing"),
        ({"search": {"alpha": {"log": [1, 10**400]}}}, "log needs two numbers"),
        ({"search": {"alpha": {"log": [1.0], "choice": []}}}, "use log, uniform or choice"),
        ({"trials": STUDY["trials"] * 2}, "two trials have one number"),
        ({"trials": 3}, "trials"),
        ({"method": ["dsh"]}, "method"),
        ({"study": 3}, "a study of version 3"),
        ({"x" * 5000: 1}, "not a study"),
    ],
    ids=short_id,
)
def test_a_study_that_is_wrong(cli, tmp_path, changes, words):
    (tmp_path / "study.json").write_text(json.dumps(STUDY | changes))
    assert_refused(cli(*RUN, "--tuned", "study.json"), "study.json", words)


def test_a_study_of_another_protocol_is_not_taken_for_this_one(cli, tmp_path):
    (tmp_path / "study.json").write_text(json.dumps(STUDY))
    assert_refused(cli(*RUN, "--tuned", "study.json"), "no study of dsh with 32 bits under cifar10-54k", "under digits")


def test_a_study_that_does_not_say_what_its_protocol_was_is_refused(cli, tmp_path):
    study = STUDY | {"run": STUDY["run"] | {"protocol": "cifar10-54k"}}
    (tmp_path / "study.json").write_text(json.dumps(study))
    assert_refused(cli(*RUN, "--tuned", "study.json"), "study.json: run.settings: version", "tune dsh again")


def test_more_trials_than_anyone_means_are_refused(cli):
    assert_refused(cli("tune", "dsh", "--trials", 2**31), "--trials 2147483648", "100,000")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"history": [{"epoch": 1, "loss": [2.5]}]}, "entry 1: loss is a list"),
        ({"history": [{"epoch": [1], "loss": 2.5}]}, "entry 1: epoch is a list"),
        ({"history": [{"epoch": 1}, {"epoch": 2, "val_map": {"a": 1}}]}, "entry 2: val_map is a mapping"),
        ({"history": [{"epoch": 1, "mine": 10**300}]}, "entry 1: mine is 1000000"),
        ({"history": [[1]]}, "history.0"),
        ({"selection": {"epoch": "x"}}, "epoch cannot be a word"),
        ({"environment": {"date": ["today"]}}, "date cannot be a list"),
        ({"protocol_description": {"topk": ["a"]}}, "topk cannot be a list"),
        ({"bits": 10**12}, "bits"),
        ({"\x1b[31m": 1}, "not a result"),
    ],
    ids=short_id,
)
def test_a_result_whose_values_are_of_another_kind_is_left_out_in_one_line(
    cli, tmp_path, make_record, store_record, changes, words
):
    store_record(tmp_path / "runs", make_record(seed=0))
    broken = store_record(tmp_path / "runs", make_record(seed=1))
    content = json.loads(broken.result_path.read_text())
    broken.result_path.write_text(json.dumps(content | changes))
    code, out, err = cli("leaderboard", "runs", "--html", "board.html", "--csv", "board.csv")
    assert code == 1
    assert "1 seed" in out
    (line,) = err.splitlines()
    assert line.startswith("warning: ")
    assert words in line
    assert len(line) <= 300
    assert line.isprintable()


def test_words_among_a_method_s_own_diagnostics_stay_readable(cli, tmp_path, make_record, store_record):
    store_record(tmp_path / "runs", make_record(history=[{"epoch": 1, "loss": 2.5, "phase": "warm-up", "ended": True}]))
    assert cli("leaderboard", "runs", "--html", "board.html")[0] == 0
