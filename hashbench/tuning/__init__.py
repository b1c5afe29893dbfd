"""Searching for hyper-parameters on validation: studies, samplers, search spaces. Import the submodules."""
