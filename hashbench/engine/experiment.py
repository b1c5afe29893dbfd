"""From a RunSpec to the parts of a run: data, roles, feed, network or estimator, fingerprint."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, fields
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch

from hashbench.backbones.build import BuiltBackbone, build_backbone, frozen_backbone
from hashbench.backbones.checksum import state_checksum
from hashbench.backbones.identity import Identity
from hashbench.backbones.packaged import packaged_weights
from hashbench.catalog import BackboneEntry, Catalog, ProtocolEntry
from hashbench.catalog.request import RunSpec, check_device_name
from hashbench.catalog.schema import unversioned
from hashbench.data import DataTable, DeviceTransform
from hashbench.data.load import load_table
from hashbench.data.signature import signature
from hashbench.engine.distributed import launch_if_asked, rank, world_size
from hashbench.engine.feed import Feed, FrozenFeed
from hashbench.engine.learner import Given, Learner, build_learner
from hashbench.engine.precision import slower_than_fp32
from hashbench.engine.reporter import Reporter
from hashbench.engine.standardizing import standardized
from hashbench.errors import UserError
from hashbench.paths import is_file
from hashbench.protocol import Roles, Split, description, fingerprint_of, load_split
from hashbench.protocol.soundness import repeated_rows, soundness


@dataclass
class Experiment:
    """Everything that a run needs, built.

    Attributes:
        learner: the method, with all that training it takes.
        description: what methods share under this protocol, as plain values; `fingerprint` is its hash.
        catalog: in which the names of the request are looked up.
        warnings: what the data say of the worth of any result, one sentence each.
        chance: mAP of random codes on the test queries.
    """

    spec: RunSpec
    roles: Roles
    feed: Feed
    learner: Learner
    device: str
    description: dict[str, Any]
    catalog: Catalog
    warnings: tuple[str, ...]
    chance: float

    @property
    def method_class(self) -> type:
        """Class of the method."""
        return type(self.learner.method)

    @property
    def backbone_name(self) -> str:
        """For the leaderboard: the backbone, or `raw` where a shallow method sees the inputs as they are."""
        return self.learner.backbone_name(self.spec.settings, self.roles.table)

    @property
    def fingerprint(self) -> str:
        """Hash of the protocol in force."""
        return fingerprint_of(self.description)

    def compute_features(self, reporter: Reporter) -> None:
        """Have a frozen backbone's features, of all rows but the test queries, computed or read from the cache."""
        if isinstance(self.feed, FrozenFeed):
            _prepare_features(self.feed, self.roles, reporter)


def be_deterministic(*, compiled: bool) -> None:
    """The same command gives the same codes: deterministic algorithms wherever torch has them, and fp32 as it is said.

    Called before anything is computed on a GPU: cuBLAS reads its variable once.

    Args:
        compiled: networks are compiled, so the compiler is told too. Otherwise it is not even imported, which would
            take a second; the debug mode sets the rest of what `use_deterministic_algorithms` sets.
    """
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    if compiled:
        torch.use_deterministic_algorithms(True, warn_only=True)
    else:
        torch.set_deterministic_debug_mode("warn")
    # It would fill what every operation is about to overwrite: a pass over memory that changes no result.
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
    torch.backends.cudnn.benchmark = False
    # By default cuDNN rounds what it multiplies to 10 bits (TF32), which is neither fp32 nor what a CPU computes.
    torch.backends.cudnn.allow_tf32 = False


def choose_device(name: str) -> str:
    """`auto` to the best there is; any other name checked.

    Raises:
        UserError: not a device of torch, or not present on this machine.
    """
    if name == "auto":
        return f"cuda:{os.environ.get('LOCAL_RANK', 0)}" if torch.cuda.is_available() else "cpu"
    check_device_name(name)
    try:
        torch.empty(0, device=torch.device(name))
    except (RuntimeError, AssertionError) as error:
        raise UserError(f"--device {name}: {str(error).splitlines()[0]}; use auto or cpu") from error
    return name


def _begin_on(device: str) -> None:
    """Make a GPU the current one, which pinned memory and kernels of others go by, and forget the last run's peak."""
    if torch.device(device).type != "cuda":
        return
    torch.cuda.init()
    if torch.device(device).index is not None:
        torch.cuda.set_device(device)
    torch.cuda.reset_peak_memory_stats(device)


def prepare(spec: RunSpec, catalog: Catalog, reporter: Reporter, *, features: bool = True) -> Experiment:
    """Build all parts of a run. Nothing is written but the cache of frozen features.

    Args:
        features: compute a frozen backbone's features now; without it, when a loader first asks for them.

    Raises:
        UserError: anything in the request that data, weights or method refuse.
    """
    settings = spec.settings
    device = choose_device(spec.device)
    launch_if_asked(device)
    _begin_on(device)
    if rank() > 0:  # the first process speaks for all
        reporter = Reporter()
    for note in (*spec.notes, *catalog.import_metrics()):
        reporter.warning(note)
    method_class = catalog.load_class("methods", spec.method)
    shared = _what_methods_share(spec, catalog)
    table, roles, transforms, entry = shared.table, shared.roles, shared.transforms, shared.backbone_entry
    for note in table.notes:
        reporter.warning(note)
    _check_content(spec, shared.description)
    if table.multilabel and not getattr(method_class, "multilabel", True):
        raise UserError(
            f"method {spec.method} is not defined for samples with several labels, and {table.name} has them"
        )
    found = soundness(table, shared.split)
    if found.problems:
        raise UserError(
            f"protocol {spec.protocol}: {'; '.join(found.problems)}: there is nothing to measure; correct the labels "
            "or the split (`hashbench check-data` shows both)"
        )
    if shared.backbone.report is not None:
        reporter.message(f"weights: {shared.backbone.report}")
    if (slow := slower_than_fp32(settings.precision, device)) is not None:
        reporter.warning(slow)
    backbone = shared.backbone.module.to(device)
    feed = Feed(
        table,
        transforms.make(settings.augment),
        transforms.make("none"),
        settings.batch_size,
        device,
        spec.seed,
        rank(),
        world_size(),
    )
    if settings.frozen:
        feed = _frozen(feed, backbone, spec, entry)
        backbone = Identity(int(backbone.out_features))  # type: ignore[arg-type]
    if settings.standardize:
        backbone = standardized(backbone, settings.backbone)
    backbone = backbone.to(device)

    layout = _channels_last(spec, entry)
    given = Given(spec, catalog, method_class, backbone, table, len(roles.train), device, layout, reporter)
    learner = build_learner(given)
    warnings = (*found.warnings, *repeated_rows(table, shared.split))
    experiment = Experiment(spec, roles, feed, learner, device, shared.description, catalog, warnings, found.chance)
    if features:
        experiment.compute_features(reporter)
    return experiment


def current_fingerprint(spec: RunSpec, catalog: Catalog) -> str:
    """Hash of `current_description`; errors as there."""
    return fingerprint_of(current_description(spec, catalog))


def current_description(spec: RunSpec, catalog: Catalog) -> dict[str, Any]:
    """What the methods of a run's protocol share, with the data and the weights as they are at this moment.

    Raises:
        UserError: as `prepare`, of data, split and backbone.
    """
    return _what_methods_share(spec, catalog).description


def _check_content(spec: RunSpec, facts: dict[str, Any]) -> None:
    """Refuse settings that were chosen on other data: its validation rows may be test queries here."""
    for name in ("data", "split"):
        if spec.tuned_on.get(name, facts[name]) != facts[name]:
            raise UserError(
                f"--tuned: the {name} of the study (sha256 {spec.tuned_on[name]:.8}...) are not those of this run "
                f"({facts[name]:.8}...): tune {spec.method} on these"
            )


@dataclass
class _Shared:
    """What all methods of a protocol share, on the CPU."""

    table: DataTable
    split: Split
    roles: Roles
    backbone_entry: BackboneEntry
    transforms: _Transforms
    backbone: BuiltBackbone
    description: dict[str, Any]


def _what_methods_share(spec: RunSpec, catalog: Catalog) -> _Shared:
    settings = spec.settings
    dataset = catalog.dataset(settings.dataset)
    if dataset.root_required and spec.data_root is None:
        raise UserError(f"data set {settings.dataset} needs --data-root: {dataset.title or 'where its data are'}")
    dataset_class = catalog.load_class("datasets", settings.dataset)
    options = json.dumps({**dataset.hparams, **settings.dataset_hparams})
    table = _table(dataset_class, spec.data_root, options, signature(spec.data_root))
    split = load_split(settings.split, table)
    roles = Roles(table, split)
    entry = catalog.backbone(settings.backbone)
    _check_backbone(spec, entry, table)
    transforms = _Transforms(table, entry, settings, channels_last=_channels_last(spec, entry) or settings.frozen)
    weights = _weights(spec, entry)
    backbone_class = catalog.load_class("backbones", settings.backbone)
    hparams = {**entry.hparams, **settings.backbone_hparams}
    given: dict[str, Any] = {
        "in_shape": transforms.shape,
        "pretrained": settings.pretrained,
        "weights": weights,
        "seed": spec.seed,
    }
    if settings.frozen:
        files = signature(weights) if weights is not None and is_file(weights) else ""
        backbone = frozen_backbone(backbone_class, hparams=json.dumps(hparams), files=files, **given)
    else:
        trained = catalog.method(spec.method).kind == "deep"
        backbone = build_backbone(backbone_class, hparams=hparams, trained=trained, **given)
    facts = description(
        settings,
        name=unversioned(spec.protocol),
        data_checksum=table.checksum,
        split_checksum=roles.split_checksum,
        weights_checksum=backbone.weights_checksum,
        transform=transforms.make(settings.augment).describe(),
    )
    return _Shared(table, split, roles, entry, transforms, backbone, facts)


@lru_cache(maxsize=1)
def _table(dataset_class: type, root: Path | None, options: str, files: str) -> DataTable:
    """The data set, kept for the next run of a sweep, with its checksum and its copy on the device.

    Args:
        files: `signature` of the root: files that were changed meanwhile are read again.
    """
    return load_table(dataset_class, root, json.loads(options))


def _check_backbone(spec: RunSpec, entry: BackboneEntry, table: DataTable) -> None:
    name = spec.settings.backbone
    if table.kind == "feature" and entry.inputs == "image":
        raise UserError(f"data set {table.name} holds features, backbone {name} takes images: use --backbone identity")
    if spec.settings.pretrained and spec.weights is None and entry.needs_file:
        raise UserError(f"backbone {name} has no weights to download: give --weights FILE")


def _weights(spec: RunSpec, entry: BackboneEntry) -> Path | None:
    """The file of weights: the one that was given, else that of an installed package, else none."""
    if spec.weights is not None or not spec.settings.pretrained or entry.package is None:
        return spec.weights
    found = entry.package
    return packaged_weights(found.name, found.file, found.sha256, backbone=spec.settings.backbone)


def _channels_last(spec: RunSpec, entry: BackboneEntry) -> bool:
    """Whether what is trained is kept in that layout: as asked for, else where the backbone is faster so.

    CPUs and NVIDIA's GPUs are; of other devices it is not known.
    """
    if spec.channels_last is not None:
        return spec.channels_last
    return entry.channels_last and spec.device.partition(":")[0] in ("auto", "cpu", "cuda")


class _Transforms:
    """Transforms that fit a table to a backbone. `shape` is that of one transformed sample."""

    def __init__(self, table: DataTable, entry: BackboneEntry, settings: ProtocolEntry, channels_last: bool) -> None:
        self._kind, self._mean, self._std, self._channels_last = table.kind, entry.mean, entry.std, channels_last
        self._interpolation = entry.interpolation
        self._size = None
        self.shape = tuple(table.inputs.shape[1:])
        if table.kind == "image":
            self._size = settings.image_size or entry.image_size
            size = [self._size, self._size] if self._size else self.shape[1:]
            self.shape = (max(self.shape[0], len(entry.mean)), *size)

    def make(self, augment: Literal["none", "flip", "crop_flip"]) -> DeviceTransform:
        """A transform with this augmentation."""
        return DeviceTransform(
            self._kind,
            self._size,
            augment,
            self._mean,
            self._std,
            interpolation=self._interpolation,
            channels_last=self._channels_last,
        )


def _frozen(feed: Feed, backbone: torch.nn.Module, spec: RunSpec, entry: BackboneEntry) -> FrozenFeed:
    """The feed of a frozen backbone's features."""
    settings = spec.settings
    key = {
        "data": feed.table.checksum,
        "backbone": [settings.backbone, {**entry.hparams, **settings.backbone_hparams}],
        "weights": state_checksum(backbone.state_dict()),
        "transform": feed.plain.describe(),
        "precision": settings.precision,
        "device": feed.device.partition(":")[0],
    }
    # Channels-last nearly halves the time of a frozen convolutional net on CPUs.
    backbone = backbone.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    shared = {name.name: getattr(feed, name.name) for name in fields(Feed)}
    return FrozenFeed(**shared, backbone=backbone, key=key, precision=settings.precision)


def _prepare_features(feed: FrozenFeed, roles: Roles, reporter: Reporter) -> None:
    """All features but those of the test queries, computed or read from the cache."""
    rows = np.unique(np.concatenate([roles.train, roles.validation, roles.validation_database, roles.database]))
    reporter.message(
        f"features of {len(rows)} images by the frozen {feed.key['backbone'][0]}: computed once, then cached"
    )
    feed.prepare(rows)
