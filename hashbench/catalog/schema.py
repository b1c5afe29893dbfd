"""What an entry of the catalogue may say. Unknown keys and wrong types are errors; `yaml_file` says where they are.

Hyper-parameters and their defaults are the constructor's; `hparams` of an entry holds only what this entry changes in
them, where several entries share a class.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    field_validator,
    model_serializer,
    model_validator,
)

from hashbench.errors import shown

_CLASS = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*")


LARGEST = 2**31 - 1
MOST_UNITS = 65_536
"""Of a layer, and channels of a convolution: more is a slip of the keyboard and fills any memory."""


def _no_truth_value(value: object) -> object:
    """pydantic would take true for 1 and "3" for 3."""
    if isinstance(value, bool | str):
        raise ValueError("a whole number is expected")
    return value


Whole = Annotated[int, BeforeValidator(_no_truth_value)]
Count = Annotated[Whole, Field(le=LARGEST)]


class Entry(BaseModel):
    """Common to all entries: nothing unknown is accepted, nothing is changed after loading."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


class ClassEntry(Entry):
    """An entry that names a class, imported only when it is used."""

    class_path: str = Field(alias="class", description="module:Class")
    title: str = ""

    @field_validator("class_path")
    @classmethod
    def _is_a_class_path(cls, value: str) -> str:
        if not _CLASS.fullmatch(value):
            raise ValueError(f"{shown(value)} is not of the form package.module:Class")
        return value


class Paper(Entry):
    """Where a method comes from."""

    key: str
    venue: str = ""
    url: str = ""
    title: str = ""


OPTIMIZER: dict[str, Any] = {"type": "Adam", "lr": 0.001}
"""Of a protocol that names none."""
SCHEDULE: dict[str, Any] = {"type": "cosine"}
"""Likewise."""
OWN_OPTIMIZER: dict[str, Any] = {"type": "SGD", "lr": 0.05, "momentum": 0.9, "weight_decay": 0.0005}
"""Of a method that names none, under a protocol that leaves it to the methods; with `SCHEDULE`."""


def _check_recipe(part: str, options: dict[str, Any]) -> None:
    """Refuse an optimizer or a schedule that says too little to be built."""
    if not isinstance(options.get("type"), str):
        raise ValueError(f"the type of the {part} is a name, not {shown(options.get('type'), 40)}")
    if part == "optimizer" and "lr" not in options:
        raise ValueError("an optimizer needs both: {type: ..., lr: ...}")


class MethodEntry(ClassEntry):
    """A method: its class, source, presets and search space."""

    kind: Literal["deep", "shallow"]
    paper: Paper | None = None
    hparams: dict[str, Any] = Field(
        default_factory=dict, description="constructor arguments with another value than its default"
    )
    optimizer: dict[str, Any] = Field(
        default_factory=dict, description="{type, lr, ...} where the optimizer is the method; else it is the protocol's"
    )
    schedule: dict[str, Any] = Field(default_factory=dict, description="with an optimizer only; without one constant")
    optimizers: list[str] = Field(
        default_factory=list, description="the only types of optimizer that the method can be trained by; none: any"
    )
    presets: dict[str, dict[str, Any]] = Field(default_factory=dict, description="flat, dotted: {optimizer.lr: 0.1}")
    preset_notes: dict[str, str] = Field(default_factory=dict, description="one line per preset, shown by `show`")
    search: dict[str, dict[str, list[Any]]] = Field(
        default_factory=dict, description="{name: {log|uniform|choice: [..]}}"
    )
    deviations: list[str] = Field(default_factory=list, description="where this differs from the paper, and why")

    @model_validator(mode="after")
    def _says_all_of_its_optimizer(self) -> MethodEntry:
        if self.kind == "shallow" and (self.optimizer or self.schedule or self.optimizers):
            raise ValueError("a shallow method is fitted: it has no optimizer and no schedule")
        if self.schedule and not self.optimizer:
            raise ValueError("a schedule without an optimizer: give both, or leave both to the protocol")
        for part in ("optimizer", "schedule"):
            if own := getattr(self, part):
                _check_recipe(part, own)
            for preset in self.presets.values():
                if not isinstance(name := preset.get(f"{part}.type", ""), str):
                    raise ValueError(f"the type of the {part} is a name, not {shown(name, 40)}")
        if self.optimizers and self.optimizer and self.optimizer["type"] not in self.optimizers:
            raise ValueError(f"its own optimizer {self.optimizer['type']} is not among {', '.join(self.optimizers)}")
        return self


class BackboneEntry(ClassEntry):
    """A feature extractor: images or feature rows in, (N, out_features) out."""

    hparams: dict[str, Any] = Field(default_factory=dict)
    inputs: Literal["image", "feature"] = "image"
    image_size: int | None = Field(None, gt=0, description="pixels it was made for; None: any size")
    download: bool = Field(
        True, description="whether pretrained weights can be downloaded; else they come with --weights"
    )
    mean: list[float] = Field(default_factory=lambda: [0.485, 0.456, 0.406])
    std: list[float] = Field(default_factory=lambda: [0.229, 0.224, 0.225])


class DatasetEntry(ClassEntry):
    """A data set: a class whose `load()` returns a `hashbench.data.DataTable`."""

    hparams: dict[str, Any] = Field(default_factory=dict)
    inputs: Literal["image", "feature"] | None = Field(None, description="what its rows are; None: not said")
    root_required: bool = False
    url: str = ""


class OptimizerEntry(ClassEntry):
    """A torch optimizer: `class(params, lr=..., **options)`."""


class ScheduleEntry(ClassEntry):
    """A function `(optimizer, *, epochs, steps_per_epoch, **options)` that returns mmengine schedulers."""


class MetricEntry(ClassEntry):
    """A function of the counts, decorated with `hashbench.registry.METRICS.register_module` where it is written."""


class ExecutorEntry(ClassEntry):
    """A class that does tasks side by side: `hashbench.sweeps.executors.base.Executor`."""


class UnseenEntry(Entry):
    """Retrieval of classes that training never saw: how the classes, and then their rows, are divided by seed."""

    test_classes: Whole = Field(ge=2, le=LARGEST, description="queries and database are of these alone")
    validation_classes: Whole = Field(
        0,
        ge=0,
        le=LARGEST,
        description="kept from training for validation; 0: validation is on held-out rows of trained classes",
    )
    queries: float = Field(0.2, gt=0, lt=1, description="share of the rows of a class that are queries")
    per_class: Whole | None = Field(None, ge=2, le=LARGEST, description="rows used of each class; None: all")


class SplitEntry(Entry):
    """Which rows play which role: a shipped manifest with its checksum, or a draw by seed from the labels."""

    manifest: str | None = None
    sha256: str | None = None
    counts: dict[str, Count] = Field(default_factory=dict, description="declared number of rows per role")
    fractions: dict[str, float] | None = Field(None, description="{test: 0.2, validation: 0.1}; the rest is training")
    unseen: UnseenEntry | None = Field(
        default=None, description="{test_classes: 25, ...}: test on classes never trained on"
    )
    seed: Whole = 0
    allow: dict[str, Count] = Field(
        default_factory=dict,
        description="published lists only: {train+test: rows that both may hold, test: rows it may list twice}",
    )

    @model_validator(mode="after")
    def _one_source(self) -> SplitEntry:
        if sum(source is not None for source in (self.manifest, self.fractions, self.unseen)) != 1:
            raise ValueError(
                "a split needs one of manifest: NAME (with sha256), fractions: {test: ..., validation: ...} and "
                "unseen: {test_classes: ...}"
            )
        if self.manifest is not None and self.sha256 is None:
            raise ValueError("a split manifest needs its sha256")
        return self

    @model_serializer(mode="wrap")
    def _without_what_is_not_used(self, dump: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Fields that few splits have are left out elsewhere, so that runs begun before there were any resume."""
        return {name: value for name, value in dump(self).items() if value or name not in ("unseen", "allow")}


class ProtocolEntry(Entry):
    """All that methods must share. Every field here enters the fingerprint."""

    version: Whole = Field(ge=1, le=LARGEST)
    title: str = Field("", exclude=True)
    dataset: str
    dataset_hparams: dict[str, Any] = Field(default_factory=dict)
    split: SplitEntry
    backbone: str
    backbone_hparams: dict[str, Any] = Field(default_factory=dict)
    pretrained: bool = False
    frozen: bool = False
    hidden: list[Annotated[Whole, Field(ge=1, le=MOST_UNITS)]] = Field(
        default_factory=list, description="units of the shared layers between backbone and code layer"
    )
    image_size: Annotated[Whole, Field(ge=1, le=4096)] | None = Field(
        None, description="None: the backbone's own, else the data's"
    )
    augment: Literal["none", "flip", "crop_flip"] = "none"
    epochs: Whole = Field(ge=1, le=1_000_000)
    batch_size: Whole = Field(ge=2, le=LARGEST)
    precision: Literal["fp32", "bf16"] = "fp32"
    validate_every: Whole = Field(1, ge=1, le=LARGEST, description="epochs between validations")
    patience: Whole | None = Field(
        None, ge=1, le=LARGEST, description="validations without improvement before training stops"
    )
    primary: str = Field("map", description="the validation metric that selects the epoch")
    topk: list[Annotated[Whole, Field(ge=1, le=LARGEST)]] = Field(default_factory=list)
    radii: list[Annotated[Whole, Field(ge=0, le=4096)]] = Field(default_factory=lambda: [0, 1, 2])
    denominator: Literal["retrieved", "capped", "all"] = "retrieved"
    optimizer: dict[str, Any] | None = Field(
        default_factory=lambda: dict(OPTIMIZER),
        description="{type, lr, ...} of all deep methods; null: the methods' own, as before protocols had one",
    )
    schedule: dict[str, Any] | None = Field(
        default_factory=lambda: dict(SCHEDULE), description="{type, ...} of the rates; null where the optimizer is"
    )
    rates: list[float] = Field(
        default_factory=lambda: [0.001, 0.003, 0.0003, 0.01],
        exclude=True,
        description="learning rates that a search tries first; not part of the fingerprint",
    )
    standardize: bool = Field(
        False, description="features minus their mean over their deviation, both of the training rows"
    )

    @model_validator(mode="before")
    @classmethod
    def _no_schedule_without_an_optimizer(cls, values: Any) -> Any:
        if isinstance(values, dict) and "optimizer" in values and values["optimizer"] is None:
            return {"schedule": None, **values}
        return values

    @model_validator(mode="after")
    def _recipe_is_whole(self) -> ProtocolEntry:
        if (self.optimizer is None) != (self.schedule is None):
            raise ValueError("optimizer and schedule: give both, or null for both")
        for part in ("optimizer", "schedule"):
            if (own := getattr(self, part)) is not None:
                _check_recipe(part, own)
        return self

    @model_serializer(mode="wrap")
    def _without_what_older_versions_had_not(self, dump: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """So that the fingerprints of results from before these fields stand."""
        return {name: value for name, value in dump(self).items() if value or name not in _YOUNGER}

    @classmethod
    def from_dump(cls, values: Mapping[str, Any]) -> ProtocolEntry:
        """The entry that was dumped, perhaps by a version in which protocols had no optimizer.

        Raises:
            ValidationError: as of any entry.
        """
        return cls.model_validate({"optimizer": None, **values})

    def fields(self) -> dict[str, Any]:
        """All fields as plain values, those too that the dump leaves out."""
        left_out = {name: getattr(self, name) for name in (*_YOUNGER, "title", "rates")}
        return self.model_dump() | left_out


_YOUNGER = ("optimizer", "schedule", "standardize")
"""Fields of a protocol that the dump leaves out where they say nothing."""


def unversioned(protocol: str) -> str:
    """The name of a protocol without the version that may stand behind it.

    >>> unversioned("cifar10-dualhash-frozen@2"), unversioned("digits")
    ('cifar10-dualhash-frozen', 'digits')
    """
    return protocol.partition("@")[0]


class CatalogFile(Entry):
    """One registry.yaml."""

    methods: dict[str, MethodEntry] = Field(default_factory=dict)
    backbones: dict[str, BackboneEntry] = Field(default_factory=dict)
    datasets: dict[str, DatasetEntry] = Field(default_factory=dict)
    protocols: dict[str, ProtocolEntry] = Field(default_factory=dict)
    optimizers: dict[str, OptimizerEntry] = Field(default_factory=dict)
    schedules: dict[str, ScheduleEntry] = Field(default_factory=dict)
    metrics: dict[str, MetricEntry] = Field(default_factory=dict)
    executors: dict[str, ExecutorEntry] = Field(default_factory=dict)

    @field_validator("protocols")
    @classmethod
    def _versions_are_told_truly(cls, value: dict[str, ProtocolEntry]) -> dict[str, ProtocolEntry]:
        for name, entry in value.items():
            said = name.removeprefix(unversioned(name))
            if said and said != f"@{entry.version}":
                raise ValueError(
                    f"{shown(name)} has version {entry.version}: call it {unversioned(name)}@{entry.version}"
                )
        return value


ENTRIES: dict[str, type[Entry]] = {
    "methods": MethodEntry,
    "backbones": BackboneEntry,
    "datasets": DatasetEntry,
    "protocols": ProtocolEntry,
    "optimizers": OptimizerEntry,
    "schedules": ScheduleEntry,
    "metrics": MetricEntry,
    "executors": ExecutorEntry,
}
"""The sections of a registry.yaml, and what stands in each."""
