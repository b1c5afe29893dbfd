"""The toy methods."""

from toy_runs import catalog, do_run, own_cache, plugin  # noqa: F401 - fixtures
