"""Parts that a data set of image files brings with it, where one is missing."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np


def with_test(split: Mapping[str, np.ndarray], names: Mapping[str, str]) -> tuple[dict[str, np.ndarray], list[str]]:
    """A split of `train` and `validation` alone, as many are published: its validation rows serve as test.

    Args:
        split: role -> row numbers.
        names: role -> what its file or folder is called.

    Returns:
        The split, and what is to be said about it.
    """
    roles = dict(split)
    if "test" in roles or not {"train", "validation"} <= roles.keys():
        return roles, []
    roles["test"] = roles.pop("validation")
    return roles, [f"there is no test part: {names['validation']} serves as test, and validation is drawn from train"]
