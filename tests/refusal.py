"""What every refusal of a request looks like."""

from __future__ import annotations

from hashbench.errors import LONGEST, shown


def short_id(value: object) -> str:
    """The name of a test's parameter that may hold anything, and much of it."""
    return ascii(shown(value, 30))


def assert_refused(result: tuple[int, str, str], *words: str) -> None:
    """Exit code 2, and one line at the end that says what, where and what to do: it has all `words`."""
    code, out, err = result
    assert code == 2, out + err
    assert "Traceback" not in err
    (line,) = [line for line in err.splitlines() if line.startswith("error: ")]
    assert err.strip().endswith(line)
    assert len(line) <= LONGEST, line
    assert line.isprintable(), line
    for word in words:
        assert word in line, line


def one_line(error: BaseException) -> str:
    """What an error says, which is one line."""
    text = str(error)
    assert "\n" not in text
    return text
