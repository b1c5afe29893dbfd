"""The one error that this package raises for wrong input."""


class EvaluationInputError(ValueError):
    """Codes, labels or options that cannot be evaluated. One line: what is wrong, where, and what to do."""
