"""The errors that this package raises for wrong input."""


class EvaluationInputError(ValueError):
    """Codes, labels or options that cannot be evaluated. One line: what is wrong, where, and what to do."""


class MetricError(EvaluationInputError):
    """A metric that cannot be registered, or that failed. One line: its name, its file and line, what is wrong."""
