"""From a RunSpec to the parts of a run: data, roles, feed, network or estimator, fingerprint."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from hashbench.backbones.build import build_backbone
from hashbench.backbones.checksum import state_checksum
from hashbench.backbones.identity import Identity
from hashbench.catalog import Catalog
from hashbench.data import DataTable, DeviceTransform
from hashbench.data.seeding import derive_seed
from hashbench.engine.distributed import launch_if_asked, rank, with_global_batch_norm, world_size
from hashbench.engine.feed import Feed, FrozenFeed
from hashbench.engine.model import DeepModel, ShallowModel
from hashbench.engine.reporter import Reporter
from hashbench.engine.spec import RunSpec
from hashbench.errors import UserError
from hashbench.models import DeepMethod, HashNetwork, ShallowMethod
from hashbench.protocol import Roles, description, fingerprint_of, load_split


@dataclass
class Experiment:
    """Everything that a run needs, built.

    Attributes:
        description: what methods share under this protocol, as plain values; `fingerprint` is its hash.
        backbone_name: for the leaderboard: the backbone, or `raw` where a shallow method sees the inputs as they are.
    """

    spec: RunSpec
    roles: Roles
    feed: Feed
    model: DeepModel | ShallowModel
    device: str
    description: dict[str, Any]
    backbone_name: str

    @property
    def fingerprint(self) -> str:
        """Hash of the protocol in force."""
        return fingerprint_of(self.description)


def choose_device(name: str) -> str:
    """`auto` to the best there is; any other name checked.

    Raises:
        UserError: not a device of torch, or not present on this machine.
    """
    if name == "auto":
        return f"cuda:{os.environ.get('LOCAL_RANK', 0)}" if torch.cuda.is_available() else "cpu"
    try:
        torch.empty(0, device=torch.device(name))
    except (RuntimeError, AssertionError) as error:
        raise UserError(f"--device {name}: {str(error).splitlines()[0]}; use auto or cpu") from error
    return name


def load_table(spec: RunSpec, catalog: Catalog) -> DataTable:
    """The protocol's data set."""
    entry = catalog.dataset(spec.settings.dataset)
    if entry.root_required and spec.data_root is None:
        raise UserError(f"data set {spec.settings.dataset} needs --data-root: {entry.title or 'where its data are'}")
    cls = catalog.load_class("datasets", spec.settings.dataset)
    options = {**entry.hparams, **spec.settings.dataset_hparams}
    try:
        dataset = cls(root=spec.data_root, **options)
    except TypeError as error:
        raise UserError(f"data set {spec.settings.dataset}: {error}") from error
    return dataset.load()


def prepare(spec: RunSpec, catalog: Catalog, reporter: Reporter) -> Experiment:
    """Build all parts of a run. Nothing is written but the cache of frozen features.

    Raises:
        UserError: anything in the request that data, weights or method refuse.
    """
    settings = spec.settings
    device = choose_device(spec.device)
    launch_if_asked(device)
    method_class = catalog.load_class("methods", spec.method)
    table = load_table(spec, catalog)
    if table.multilabel and not getattr(method_class, "multilabel", True):
        raise UserError(
            f"method {spec.method} is not defined for samples with several labels, and {table.name} has them"
        )
    roles = Roles(table, load_split(settings.split, table))

    backbone_name = settings.backbone
    if table.kind == "feature" and catalog.backbone(backbone_name).inputs == "image":
        raise UserError(
            f"data set {table.name} holds features, backbone {backbone_name} takes images: use --backbone identity"
        )
    entry = catalog.backbone(backbone_name)
    size = (settings.image_size or entry.image_size) if table.kind == "image" else None
    shape = tuple(table.inputs.shape[1:])
    if table.kind == "image":
        channels = max(shape[0], len(entry.mean)) if entry.inputs == "image" else shape[0]
        shape = (channels, *(2 * [size] if size else shape[1:]))

    # Channels-last nearly halves the time of a frozen convolutional net on CPUs, and its features are computed only once.
    channels_last = spec.channels_last or settings.frozen

    def transform(augment: str) -> DeviceTransform:
        return DeviceTransform(
            table.kind,
            size,
            augment,
            entry.mean,
            entry.std,
            channels_last=channels_last,  # type: ignore[arg-type]
        )

    if settings.pretrained and spec.weights is None and not entry.download:
        raise UserError(f"backbone {backbone_name} has no weights to download: give --weights FILE")
    built = build_backbone(
        catalog.load_class("backbones", backbone_name),
        in_shape=shape,
        hparams={**entry.hparams, **settings.backbone_hparams},
        pretrained=settings.pretrained,
        weights=spec.weights,
        seed=spec.seed,
    )
    if built.report is not None:
        reporter.message(f"weights: {built.report}")
    facts = description(
        settings,
        name=spec.protocol,
        data_checksum=table.checksum,
        split_checksum=roles.split_checksum,
        weights_checksum=built.weights_checksum,
        transform=transform(settings.augment).describe(),
    )
    common = dict(
        table=table,
        transform=transform(settings.augment),
        plain=transform("none"),
        batch_size=settings.batch_size,
        device=device,
        seed=spec.seed,
        rank=rank(),
        world_size=world_size(),
    )
    backbone = built.module.to(device)
    feed: Feed
    if settings.frozen:
        key = {
            "data": table.checksum,
            "backbone": [backbone_name, {**entry.hparams, **settings.backbone_hparams}],
            "weights": state_checksum(built.module.state_dict()),
            "transform": transform("none").describe(),
            "precision": settings.precision,
            "device": device.partition(":")[0],
        }
        backbone = backbone.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        feed = FrozenFeed(**common, backbone=backbone, key=key, precision=settings.precision)  # type: ignore[arg-type]
        fit_rows = np.unique(np.concatenate([roles.train, roles.validation, roles.validation_database, roles.database]))
        reporter.message(
            f"features of {len(fit_rows)} images by the frozen {backbone_name}: computed once, then cached"
        )
        feed.prepare(fit_rows)
        backbone = Identity(int(backbone.out_features)).to(device)  # type: ignore[arg-type]
    else:
        feed = Feed(**common)  # type: ignore[arg-type]

    if issubclass(method_class, ShallowMethod):
        model: DeepModel | ShallowModel = ShallowModel(_shallow(spec, method_class))
        backbone_name = backbone_name if settings.frozen or table.kind == "feature" else "raw"
    else:
        network = _network(spec, method_class, backbone, table, len(roles.train))
        with_global_batch_norm(network)
        model = DeepModel(network, table.num_classes, settings.precision, spec.compile, spec.channels_last).to(device)
    return Experiment(spec, roles, feed, model, device, facts, backbone_name)


def _shallow(spec: RunSpec, cls: type[ShallowMethod]) -> ShallowMethod:
    try:
        return cls(bits=spec.bits, random_state=derive_seed(spec.seed, "method") % 2**32, **spec.hparams)
    except TypeError as error:
        raise UserError(f"method {spec.method}: {error}") from error


def _network(
    spec: RunSpec, cls: type[DeepMethod], backbone: torch.nn.Module, table: DataTable, num_train: int
) -> HashNetwork:
    """Method, shared hidden layers and code layer, drawn from streams of their own."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(derive_seed(spec.seed, "method"))
        try:
            method = cls(bits=spec.bits, num_classes=table.num_classes, num_train=num_train, **spec.hparams)
        except TypeError as error:
            raise UserError(f"method {spec.method}: {error}") from error
        torch.manual_seed(derive_seed(spec.seed, "weights"))
        return HashNetwork(backbone, method, spec.settings.hidden, spec.settings.frozen)
