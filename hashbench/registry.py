"""The registries that one decorates into: methods, backbones, data sets, optimizers, schedules, metrics, executors.

    from hashbench.registry import METHODS

    @METHODS.register_module("mine")
    class Mine(DeepMethod): ...

A name enters by such a decorator, in a file given by `--import FILE` or imported by a notebook, or by an entry of a
registry.yaml, whose class is imported when it is asked for; from then on there is no difference. They are mmengine
registries of scope `hashbench`, children of mmengine's where it has one of the kind, so that configs name what mmengine
has by its name there. Importing this module imports mmengine's registries and no torch.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, TypeVar

from mmengine import registry as _mmengine

from hashbench.catalog import load_catalog
from hashbench.catalog.registered import Registered, forget, register
from hashbench.errors import UserError

SCOPE = "hashbench"

Target = TypeVar("Target", bound=Callable[..., Any])


class Registry(_mmengine.Registry):
    """An mmengine registry that knows the catalogue, and that the catalogue knows.

    Args:
        name: of the kind, in messages.
        section: of the catalogue that its entries stand in.
        parent: mmengine's registry of the kind, if it has one.
        check: called with a new class or function and its name; raises UserError where it is none of the kind.
        named_as_class: entries are called as the class is, as optimizers are everywhere; else `MyMethod` becomes
            `my_method`.
    """

    def __init__(
        self,
        name: str,
        section: str,
        parent: _mmengine.Registry | None = None,
        check: Callable[[Registered], None] = lambda new: None,
        named_as_class: bool = False,
    ) -> None:
        super().__init__(name, parent=parent, scope=SCOPE)
        self.section = section
        self._check = check
        self._named_as_class = named_as_class

    def register_module(  # type: ignore[override]
        self, name: str | None = None, *, force: bool = False, module: Target | None = None, **facts: Any
    ) -> Any:
        """Register a class or function: a decorator, or with `module` a call.

        Args:
            name: what it is called from now on; None: the class's own name, `MyMethod` as `my_method`.
            force: replace another one of that name which a decorator registered before.
            module: the class or function.
            facts: of its catalogue entry: title, paper, presets, search, ... (`hashbench.catalog.schema`). What is not
                given is read from class attributes of the same names, and the title from the docstring.

        Raises:
            UserError: the name is taken, the class is none of the kind, or a fact that such an entry does not have.

        Example:
            >>> from hashbench.models import DeepMethod
            >>> @METHODS.register_module("pull_apart", title="codes of a batch pulled apart")
            ... class PullApart(DeepMethod):
            ...     def loss(self, batch):
            ...         return {"pull": batch.codes.mean(0).square().sum()}
            >>> METHODS.get("pull_apart") is PullApart
            True
            >>> METHODS.unregister("pull_apart")
        """
        if module is None:
            return lambda target: self.register_module(name, force=force, module=target, **facts)
        own = name or (module.__name__ if self._named_as_class else _snake_case(module.__name__))
        if force:
            self.unregister(own)
        new = Registered.of(self.section, own, module, facts)
        self._check(new)
        register(new)
        self._module_dict[own] = module
        return module

    def unregister(self, name: str) -> None:
        """Forget what a decorator registered under this name, if anything."""
        forget(self.section, name)
        self._module_dict.pop(name, None)

    def get(self, key: str) -> Any:
        """The class or function of this name: registered here, of the catalogue, or of mmengine; None if there is none.

        Raises:
            UserError: its module does not import.
        """
        key = key.removeprefix(f"{SCOPE}.")
        if key in self._module_dict:
            return self._module_dict[key]
        catalog = load_catalog()
        if key in catalog.section(self.section):
            return catalog.load_class(self.section, key)
        if self.parent is None:
            return None
        import mmengine.runner  # noqa: F401 - registers mmengine's own names; only here, since it takes seconds

        try:
            return super().get(key)
        except RuntimeError:  # so mmengine says that there is none
            return None

    def names(self) -> list[str]:
        """All names of the catalogue's section, decorated ones among them."""
        return list(load_catalog().section(self.section))


def _snake_case(name: str) -> str:
    """`MyMethod` -> `my_method`, `DCHPlus` -> `dch_plus`."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name).lower()


def _check_method(new: Registered) -> None:
    from hashbench.models import DeepMethod

    cls = new.target
    if isinstance(cls, type) and issubclass(cls, DeepMethod):
        if cls.loss is DeepMethod.loss:
            raise UserError(f"{new}: it defines no loss(self, batch) -> dict of scalar tensors")
        return
    from hashbench.models import ShallowMethod  # scikit-learn: only for a class that may be one

    if not (isinstance(cls, type) and issubclass(cls, ShallowMethod)):
        raise UserError(f"{new}: a method is a subclass of DeepMethod or of ShallowMethod (hashbench.models)")
    if cls._fit is ShallowMethod._fit or cls._project is ShallowMethod._project:
        raise UserError(f"{new}: it must define _fit(self, X, y) and _project(self, X)")


def _check_has(*methods: str, kind: str) -> Callable[[Registered], None]:
    def check(new: Registered) -> None:
        for method in methods:
            if not callable(getattr(new.target, method, None)):
                raise UserError(f"{new}: {kind} needs a method {method}()")

    return check


METHODS = Registry("method", "methods", check=_check_method)
"""What is compared: subclasses of `DeepMethod` and `ShallowMethod`."""

BACKBONES = Registry("backbone", "backbones", check=_check_has("forward", kind="a backbone"))
"""Feature extractors: torch modules with an integer attribute `out_features`. (mmengine has one registry for all
models and none of backbones.)"""

DATASETS = Registry("data set", "datasets", parent=_mmengine.DATASETS, check=_check_has("load", kind="a data set"))
"""Classes whose `load()` returns a `hashbench.data.DataTable`."""

OPTIMIZERS = Registry(
    "optimizer",
    "optimizers",
    parent=_mmengine.OPTIMIZERS,
    check=_check_has("step", kind="an optimizer"),
    named_as_class=True,
)
"""torch optimizers; they train every deep method."""

SCHEDULES = Registry("schedule", "schedules", parent=_mmengine.PARAM_SCHEDULERS)
"""Functions of an optimizer and the length of a run that return mmengine schedulers; mmengine's own by their names."""

EXECUTORS = Registry("executor", "executors", check=_check_has("start", "wait", kind="an executor"))
"""Where many runs are done: see `hashbench.sweeps.executors`."""


class MetricRegistry(Registry):
    """Metrics are functions; the table of `hashbench.evaluation.metrics` computes them wherever codes are evaluated."""

    def register_module(self, name: str | None = None, *, force: bool = False, module: Any = None, **facts: Any) -> Any:
        """Register a function of the counts; `facts` are the attributes of `hashbench.evaluation.metrics.Metric`.

        Raises:
            UserError: see `hashbench.evaluation.metrics.register`.
        """
        from hashbench.evaluation import metrics
        from hashbench.evaluation.errors import MetricError

        if module is None:
            return lambda target: self.register_module(name, force=force, module=target, **facts)
        own = name or module.__name__
        if force:
            self.unregister(own)
        try:
            metrics.register(module, name=own, **facts)
        except MetricError as error:
            raise UserError(str(error)) from error
        return super().register_module(own, module=module, **({"title": facts["label"]} if "label" in facts else {}))

    def unregister(self, name: str) -> None:
        """Take a metric out of the table again."""
        from hashbench.evaluation import metrics

        super().unregister(name)
        metrics.unregister(name)


METRICS = MetricRegistry("metric", "metrics", parent=_mmengine.METRICS)
"""What is measured of a ranking: decorated functions of the counts."""

LOOPS = _mmengine.Registry(
    "loop",
    parent=_mmengine.LOOPS,
    scope=SCOPE,
    locations=["hashbench.engine.loops", "hashbench.engine.retrieval_loops"],
)
"""Training, fit, validation and test."""
HOOKS = _mmengine.Registry(
    "hook", parent=_mmengine.HOOKS, scope=SCOPE, locations=["mmengine.hooks", "hashbench.engine.hooks"]
)
"""What a Runner calls between steps; `custom_hooks` of a config."""
_MODELS = _mmengine.Registry("model", parent=_mmengine.MODELS, scope=SCOPE)
# Without one of ours, mmengine warns whenever a hook of its own builds a model, as that of averaged weights does.
VISUALIZERS = _mmengine.Registry(
    "visualizer", parent=_mmengine.VISUALIZERS, scope=SCOPE, locations=["mmengine.visualization"]
)
"""Where a run's curves are drawn while it trains: `visualizer` of a config."""
VISBACKENDS = _mmengine.Registry(
    "vis_backend", parent=_mmengine.VISBACKENDS, scope=SCOPE, locations=["mmengine.visualization"]
)
"""What a visualizer writes with: TensorBoard, W&B, MLflow, files."""
