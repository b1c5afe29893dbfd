"""The toy methods."""

from toy_runs import catalog, own_cache, plugin  # noqa: F401 - fixtures
