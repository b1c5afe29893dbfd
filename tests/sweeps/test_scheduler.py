"""The loop that sweeps and searches share, with tasks that are nothing but their answers."""

from __future__ import annotations

import pytest
from scripted_executor import ScriptedExecutor

from hashbench.errors import Interrupted
from hashbench.sweeps.executors import Ended, Executor
from hashbench.sweeps.scheduler import Scheduler, Task, Verdict, interruptible


class Answer(Task[str]):
    """Gives the words of `script` one after the other, one each time that it is done, as states of its verdict.

    Args:
        name: of the task.
        script: states, `stop` for one that ends the rest.
        looks: what `look` says, one after the other; then `to do`.
    """

    kinds = ("answer",)

    def __init__(self, name, *script, looks=(), seconds=None):
        self.name, self.script, self.looks, self.seconds = name, list(script or ["over"]), list(looks), seconds

    def look(self):
        return self.looks.pop(0) if self.looks else "to do"

    def call(self):
        return str, (self.script.pop(0),)

    def judge(self, ended):
        state = "crashed" if ended.death else ended.value
        return Verdict(
            "over" if state == "stop" else state, self.name, self.name, seconds=self.seconds, stop=state == "stop"
        )


@pytest.fixture
def do():
    """do(*tasks, retry=..., **how the executor behaves) -> names in the order in which they were over; all lines in do.said."""

    def go(*tasks, retry=0, over=0, **behaviour):
        go.said = []
        go.scheduler = Scheduler(tasks, go.said.append, noun="tasks", retry=retry, over=over)
        executor = ScriptedExecutor(**behaviour)
        go.scheduler.announce(executor)
        return list(go.scheduler.run(executor))

    return go


def test_tasks_are_done_in_order_and_counted(do):
    assert do(Answer("a"), Answer("b"), over=3) == ["a", "b"]
    assert do.said == ["2 tasks to do, 1 at a time", "[4/5] a", "[5/5] b"]
    assert do() == []


def test_no_more_than_the_workers_are_under_way_and_a_free_one_is_filled_at_once():
    class Watching(Executor):
        workers = 2

        def __init__(self):
            self.under_way, self.most, self.ends = [], 0, [1, 0, 0, 0]

        def start(self, key, function, *arguments):
            self.under_way.append((key, function, arguments))
            assert len(self.under_way) <= 2

        def wait(self, timeout=None):
            self.most = max(self.most, len(self.under_way))
            key, function, arguments = self.under_way.pop(min(self.ends.pop(0), len(self.under_way) - 1))
            return [Ended(key, function(*arguments))]

    executor = Watching()
    assert list(Scheduler(map(Answer, "abcd"), print, noun="tasks").run(executor)) == ["b", "a", "c", "d"]
    assert executor.most == 2


def test_the_time_left_is_said_until_the_last(do):
    do(Answer("a", seconds=5.0), Answer("b", seconds=1.0), Answer("c"))
    assert do.said[1:] == ["[1/3, about 10 s left] a", "[2/3, about 3 s left] b", "[3/3] c"]


def test_what_crashed_is_tried_again_at_once_as_often_as_asked(do):
    assert do(Answer("a", "crashed", "over"), Answer("b"), retry=1) == ["a", "b"]
    assert do.said[1:] == ["a; it is tried again", "[1/2] a", "[2/2] b"]
    assert do(Answer("a", "crashed", "crashed"), retry=1) == ["a"]
    assert do(Answer("a", "crashed")) == ["a"]


@pytest.mark.parametrize(("deaths", "retry", "tries"), [(1, 0, 2), (2, 0, 2), (2, 2, 3), (3, 2, 3)])
def test_what_died_is_tried_again_once_in_any_case(do, deaths, retry, tries):
    assert do(Answer("a", *["over"] * 4), deaths=deaths, retry=retry) == ["a"]
    assert len(do.said) == tries + 1


def test_what_another_process_has_done_is_not_counted(do):
    assert do(Answer("a", looks=["found"]), Answer("b", "found"), Answer("c")) == ["c"]
    assert do.scheduler.found == 2
    assert do.said[-1] == "[1/1] c"


def test_what_another_process_holds_is_left_to_it_or_taken_over(do):
    taken_over = Answer("a", looks=["held", "held", "held"])
    assert do(taken_over, Answer("b", "held", "over"), Answer("c", looks=["held", "found", "found"]), Answer("d")) == [
        "d",
        "b",
        "a",
    ]
    assert do.scheduler.found == 1
    assert do.said.count("another process is doing some of these tasks: they are left to it") == 1


def test_nothing_is_begun_after_one_that_ends_the_rest(do):
    tasks = [Answer("a", looks=["held"]), Answer("b", "stop"), Answer("c", "crashed"), Answer("d"), Answer("e")]
    assert do(*tasks, workers=2, retry=3) == ["b", "c"], "what is under way ends, and is not tried again"
    assert (do.scheduler.stopped, do.scheduler.not_begun) == (True, 3)


@pytest.mark.parametrize("error", [KeyboardInterrupt, Interrupted])
def test_ctrl_c_leaves_the_executor_and_says_what_is_kept(error):
    left = []

    class Leaving(ScriptedExecutor):
        def __exit__(self, kind, *rest):
            left.append(kind)

    with (
        pytest.raises(Interrupted, match="interrupted: two are kept"),
        interruptible(Leaving, lambda: "two are kept"),
    ):
        raise error
    assert left == [error]


def test_other_errors_pass():
    with pytest.raises(ZeroDivisionError), interruptible(ScriptedExecutor, lambda: ""):
        divmod(1, 0)
