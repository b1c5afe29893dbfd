"""Encoding, counting and frozen features shared by processes give the bits of one process, given the same weights."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from gloo_processes import on_processes
from torch.nn import functional as F

from hashbench.backbones.small_conv import SmallConv
from hashbench.cache import FeatureCache
from hashbench.data import BatchLoader, DataTable, DeviceTransform
from hashbench.engine import evaluator as evaluator_module
from hashbench.engine import feed as feed_module
from hashbench.engine.distributed import rank
from hashbench.engine.encoding import KEPT_OUTPUTS, NotFiniteError, encode
from hashbench.engine.evaluator import RetrievalEvaluator
from hashbench.engine.feed import FrozenFeed
from hashbench.engine.loops import ShallowFitLoop
from hashbench.engine.model import DeepModel
from hashbench.engine.retrieval_loops import RetrievalLoaders, RetrievalTestLoop
from hashbench.engine.shallow import ShallowLearner, ShallowModel
from hashbench.engine.state import TrainingState
from hashbench.errors import RunFailedError, UserError
from hashbench.evaluation import code_quality, evaluate, unpack_codes
from hashbench.evaluation import cosine as cosine_module
from hashbench.models import DeepMethod, HashNetwork, ShallowMethod

BITS, CLASSES, ROWS, BATCH = 20, 5, 500, 32
KINDS = ["images", "several labels", "shallow", "cosine"]
SIZES = {"uneven": (70, 333), "batch of one joins": (33, 97), "fewer batches than processes": (20, 30)}
"""Queries and database rows; 333 of them are 11 batches, the last one of 13."""


class Tanh(DeepMethod):
    def activation(self, logits):
        return torch.tanh(logits)

    def loss(self, batch):
        return {"none": batch.codes.sum()}


class Directions(ShallowMethod):
    supervised = False

    def _fit(self, X, y):
        self.directions_ = np.random.default_rng(0).normal(size=(X.shape[1], self.bits))

    def _project(self, X):
        return X @ self.directions_


class Itself(Directions):
    ranking = "cosine"

    def _project(self, X):
        return X


def table(kind: str) -> DataTable:
    """500 random images, or feature vectors, of 5 classes."""
    draw = torch.Generator().manual_seed(0)
    labels = torch.randint(0, CLASSES, (ROWS,), generator=draw)
    if kind == "several labels":
        labels = F.one_hot(labels, CLASSES).to(torch.uint8)
        labels |= labels.roll(1, dims=0)
    if kind in ("shallow", "cosine"):
        return DataTable(kind, torch.randn(ROWS, 24, generator=draw), labels, CLASSES)
    images = torch.randint(0, 256, (ROWS, 3, 16, 16), dtype=torch.uint8, generator=draw)
    return DataTable(kind, images, labels, CLASSES)


def loaders(data: DataTable, sizes: tuple[int, int]) -> RetrievalLoaders:
    """The first rows as queries, those after them as the database."""
    transform = DeviceTransform("feature")
    if data.kind == "image":
        transform = DeviceTransform("image", None, "none", [0.5] * 3, [0.2] * 3)
    rows = np.split(np.arange(sum(sizes)), [sizes[0]])
    return RetrievalLoaders(*(BatchLoader(data, part, batch_size=BATCH, transform=transform) for part in rows))


def model(kind: str) -> DeepModel | ShallowModel:
    """The same weights in every process."""
    if kind in ("shallow", "cosine"):
        method = {"shallow": Directions, "cosine": Itself}[kind](bits=BITS)
        return ShallowModel(method.fit(table(kind).inputs.numpy()))
    torch.manual_seed(0)
    method = Tanh(bits=BITS, num_classes=CLASSES, num_train=ROWS)
    return DeepModel(HashNetwork(SmallConv(3, [8], 16), method, hidden=[16]), CLASSES)


def measure(kind: str, sizes: tuple[int, int]) -> dict[str, Any]:
    """The test loop on this process or its part of the work: all that a result folder is written from."""
    cosine_module._CELLS = 4000  # several chunks of queries
    runner = SimpleNamespace(model=model(kind), call_hook=lambda *_, **__: None)
    evaluator = RetrievalEvaluator(BITS, (10,), (0, 2))
    loop = RetrievalTestLoop(runner, loaders(table(kind), sizes), evaluator)
    seen: list[int] = []
    encoding = runner.model.encode
    runner.model.encode = lambda inputs: (seen.append(len(inputs)), encoding(inputs))[1]
    loop.run()
    return {
        "metrics": loop.metrics,
        "per_query": evaluator.last.per_query,
        "info": evaluator.last.info,
        "query": vars(loop.query),
        "database": vars(loop.database),
        "encoded": sum(seen),
    }


def measure_all() -> dict[tuple[str, str], dict[str, Any]]:
    return {(kind, name): measure(kind, sizes) for kind in KINDS for name, sizes in SIZES.items()}


@pytest.fixture(scope="module")
def alone() -> dict:
    chunk = cosine_module._CELLS
    try:
        return measure_all()
    finally:
        cosine_module._CELLS = chunk


@pytest.fixture(scope="module", params=[2, 3])
def together(request, tmp_path_factory) -> list[dict]:
    return on_processes(request.param, tmp_path_factory.mktemp("together") / "meeting", measure_all)


def assert_same_bits(found: Any, expected: Any, where: str) -> None:
    assert type(found) is type(expected), where
    if isinstance(expected, dict):
        assert list(found) == list(expected), where
        for name, value in expected.items():
            assert_same_bits(found[name], value, f"{where} {name}")
    elif isinstance(expected, np.ndarray):
        assert (found.dtype, found.shape, found.tobytes()) == (expected.dtype, expected.shape, expected.tobytes()), (
            where
        )
    else:
        assert found == expected, where


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("size", SIZES)
def test_processes_give_the_bits_of_one(alone, together, kind, size):
    expected = alone[kind, size]
    for number, answers in enumerate(together):
        found = answers[kind, size]
        for name in ("metrics", "per_query", "info", "query", "database"):
            assert_same_bits(found[name], expected[name], f"process {number}: {name}")


@pytest.mark.parametrize("kind", KINDS)
def test_each_sample_is_encoded_once(together, kind):
    for size, (queries, database) in SIZES.items():
        encoded = [answers[kind, size]["encoded"] for answers in together]
        if kind == "cosine":  # nothing is sent, so each has to know all
            assert encoded == [queries + database] * len(together)
            continue
        assert sum(encoded) == queries + database
        # Whole batches of each of the two sets, one of which may hold one row more.
        assert max(encoded) <= (queries + database) / len(together) + 2 * BATCH + 2
    assert (
        min(answers[kind, "fewer batches than processes"]["encoded"] for answers in together) == 0 or kind == "cosine"
    )


@pytest.mark.parametrize("kind", KINDS[:3])
@pytest.mark.parametrize("size", SIZES)
def test_one_process_measures_what_the_evaluation_says_of_the_whole(alone, kind, size):
    found = alone[kind, size]
    outputs = []
    for loader in loaders(table(kind), SIZES[size]):
        with torch.inference_mode():
            batches = [model(kind).eval().encode(data["inputs"]).numpy() for data in loader]
        outputs.append(np.concatenate(batches))
    labels = [found[side]["labels"] for side in ("query", "database")]
    expected = evaluate(*(part >= 0 for part in outputs), *labels, topk=(10,), radii=(0, 2))
    quality = code_quality(outputs[1])
    assert list(found["metrics"]) == [*expected.metrics, *quality]
    for name, value in expected.metrics.items():
        assert found["metrics"][name] == value, name
    for name, value in quality.items():  # sums of the outputs are added batch by batch, so in another order
        assert found["metrics"][name] == pytest.approx(value, rel=1e-14), name
    for side, rows in zip(("query", "database"), outputs, strict=True):
        np.testing.assert_array_equal(unpack_codes(found[side]["codes"], BITS), rows >= 0)
        assert found[side]["outputs"].tobytes() == rows[:KEPT_OUTPUTS].tobytes()


def bit_balance_of_a_process_of_its_own_kind() -> float:
    evaluator_module.code_quality = lambda **_: {"bit_balance": 0.5 + rank()}  # processors may differ in the last digit
    return measure("images", SIZES["uneven"])["metrics"]["bit_balance"]


def test_all_decide_on_the_numbers_of_the_first_process(tmp_path):
    assert on_processes(2, tmp_path / "meeting", bit_balance_of_a_process_of_its_own_kind) == [0.5, 0.5]


def test_a_model_is_left_in_the_mode_it_was_in():
    network = model("images")
    network.network.hidden.eval()
    modes = [part.training for part in network.modules()]
    encode(network, loaders(table("images"), (4, 30)).database, BITS)
    assert [part.training for part in network.modules()] == modes
    assert True in modes
    assert False in modes


class Faulty(torch.nn.Module):
    """Outputs are the inputs; those of the batch that holds the last row are NaN, or lack a column."""

    ranking = "hamming"

    def __init__(self, fault: str, last: torch.Tensor) -> None:
        super().__init__()
        self.fault, self.last = fault, last

    def encode(self, inputs):
        outputs = inputs[:, :BITS]
        if not torch.equal(inputs[-1], self.last):
            return outputs
        return outputs * float("nan") if self.fault == "NaN" else outputs[:, 1:]


def encode_with_fault(fault: str) -> None:
    data = table("shallow")
    rows = BatchLoader(data, np.arange(ROWS), batch_size=BATCH, transform=DeviceTransform("feature"))
    encode(Faulty(fault, data.inputs[-1]), rows, BITS)


@pytest.mark.parametrize(
    ("fault", "kind", "words"),
    [
        ("NaN", NotFiniteError, "outputs hold NaN"),
        ("a column", RunFailedError, "outputs have 19 columns where 20 bits were asked for"),
    ],
)
def test_what_one_process_cannot_encode_ends_all(tmp_path, fault, kind, words):
    with pytest.raises(kind, match=words):
        encode_with_fault(fault)
    first, second = on_processes(2, tmp_path / "meeting", encode_with_fault, fault, fails=True)
    assert type(first) is RunFailedError
    assert f"process 1 failed: {kind.__name__}: " in str(first)
    assert type(second) is kind
    assert words in str(first)
    assert words in str(second)


class Counted(torch.nn.Module):
    """A frozen backbone that counts the images it is given."""

    out_features = 16

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.net = SmallConv(3, [8], self.out_features)
        self.seen = 0

    def forward(self, images):
        self.seen += len(images)
        return self.net(images)


def frozen_features(folder: Path) -> dict[str, tuple[int, bytes]]:
    """Features of all rows under several states of the cache: how many images this process computed, and the features."""
    blocked = folder / f"file{rank()}"
    blocked.touch()
    shared = folder / "cache"
    roots = {
        "none has them": shared,
        "all have them": shared,
        "the first has them": shared if rank() == 0 else folder / "own",
        "the others have them": folder / "new" if rank() == 0 else shared,
        "cannot be written": blocked,
    }
    return {state: features_in(root) for state, root in roots.items()}


def features_in(root: Path) -> tuple[int, bytes]:
    feed_module._TABLES.clear()  # else they are in memory
    plain = DeviceTransform("image", None, "none", [0.5] * 3, [0.2] * 3)
    backbone = Counted()
    feed = FrozenFeed(
        table("images"),
        plain,
        plain,
        BATCH,
        "cpu",
        0,
        backbone=backbone,
        key={"backbone": "counted"},
        precision="fp32",
        cache=FeatureCache(root),
    )
    batches = [data["inputs"].numpy() for data in feed.ordered(np.arange(ROWS))]
    return backbone.seen, np.concatenate(batches).tobytes()


def test_frozen_features_are_computed_by_all_and_kept_by_the_first(tmp_path):
    (tmp_path / "one").mkdir()
    expected = frozen_features(tmp_path / "one")
    first, second = on_processes(2, tmp_path / "two", frozen_features, tmp_path / "two")
    for state, (_, features) in expected.items():
        assert first[state][1] == second[state][1] == features, state
    computed = {state: (first[state][0], second[state][0]) for state in expected}
    assert computed == {
        "none has them": (256, ROWS - 256),  # two batches
        "all have them": (0, 0),
        "the first has them": (0, ROWS),
        "the others have them": (256, ROWS - 256),
        "cannot be written": (256, ROWS - 256),
    }
    (kept,) = (tmp_path / "two" / "cache").glob("*.npy")
    assert np.load(kept).tobytes() == expected["none has them"][1]


class Unseeded(Directions):
    """Fits differently each time, as a fit whose last digits differ may; refuses 3 bits."""

    def _fit(self, X, y):
        if self.bits == 3:
            raise ValueError("3 bits are too few")
        self.directions_ = np.random.default_rng().normal(size=(X.shape[1], self.bits))


def fit(bits: int) -> tuple[bool, bytes]:
    """Whether this process fitted, and the directions that it has in the end."""
    data = table("shallow")
    spec = SimpleNamespace(method="unseeded", bits=bits, seed=0, hparams={})
    learner = ShallowLearner(SimpleNamespace(spec=spec, method_class=Unseeded, backbone=None))
    runner = SimpleNamespace(
        model=learner.model,
        learner=learner,
        call_hook=lambda *_, **__: None,
        state=TrainingState(),
        val_loop=SimpleNamespace(run=lambda: None),
    )
    rows = BatchLoader(data, np.arange(ROWS), batch_size=BATCH, transform=DeviceTransform("feature"))
    ShallowFitLoop(runner, rows).run()
    return runner.state.train_seconds > 0, learner.method.directions_.tobytes()


def test_one_process_fits_for_all(tmp_path):
    first, second = on_processes(2, tmp_path / "fit", fit, BITS)
    assert (first[0], second[0]) == (True, False)
    assert first[1] == second[1]
    first, second = on_processes(2, tmp_path / "refused", fit, 3, fails=True)
    assert (type(first), str(first)) == (UserError, "method unseeded: 3 bits are too few")
    assert (type(second), str(second)) == (
        RunFailedError,
        "process 0 failed: UserError: method unseeded: 3 bits are too few",
    )
