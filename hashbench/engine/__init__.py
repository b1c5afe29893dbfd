"""From a request to a result: the only part of hashbench, with the registries, that knows mmengine."""
