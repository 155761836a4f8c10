"""The covering array has every pair of answers, and Copier refuses the pairs that are not in it."""

import itertools
from pathlib import Path

import pytest

from tests import array
from tests.helpers import QUESTIONS, Record, Render
from tests.matrix import CELLS, PROGRAMS


def covered(rows: list[dict[str, int]]) -> set[array.Pair]:
    return {pair for row in rows for pair in array.pairs(row)}


def test_the_array_has_every_pair_that_a_project_can_have(record_property: Record) -> None:
    assert covered(array.rows()) == array.reachable()

    count = f"{len(CELLS)} projects with {len(array.reachable())} pairs of answers"
    record_property("the covering array", f"{count}, and {len(PROGRAMS)} programs")


def test_a_pair_that_is_not_in_the_array_is_found() -> None:
    first, *others = array.rows()

    assert array.reachable() - covered(others) <= covered([first])
    assert array.reachable() - covered(others)


def test_a_new_question_is_in_the_array(monkeypatch: pytest.MonkeyPatch) -> None:
    question = {"type": "str", "choices": ["a", "b", "c"], "default": "a"}
    monkeypatch.setitem(QUESTIONS, "new", question)

    rows = array.make(QUESTIONS)

    assert {row["new"] for row in rows} == {0, 1, 2}
    assert covered(rows) == array.reachable()


def test_a_new_question_that_changes_python_files_makes_other_programs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert {"example", "primary_key", "audit"} <= {*array.programs()}
    monkeypatch.setattr(array, "programs", lambda: ["example", "docker"])

    assert covered(array.make(array.programs())) == {
        frozenset({("example", first), ("docker", second)})
        for first, second in itertools.product((0, 1), repeat=2)
    }


def test_every_worker_of_the_tests_makes_the_same_array() -> None:
    assert array.make(QUESTIONS, within=array.make(array.programs())) == array.rows()


def test_answers_that_contradict_each_other_are_refused(render: Render, tmp_path: Path) -> None:
    numbers = {name: range(len(each)) for name, each in array.values().items()}
    every = {
        frozenset(zip(two, chosen, strict=True))
        for two in itertools.combinations(numbers, 2)
        for chosen in itertools.product(*(numbers[name] for name in two))
    }
    for pair in every - array.reachable():
        with pytest.raises(ValueError, match="Validation error"):
            render(tmp_path / "shop", **array.answers(dict(pair)))

    with pytest.raises(ValueError, match="Dependabot works on GitHub only"):
        render(tmp_path / "shop", bot="dependabot", ci="gitlab")


def test_no_question_is_hidden_by_another_answer() -> None:
    # Copier would keep its default then, and the array would have pairs that no project has.
    assert not [name for name, question in QUESTIONS.items() if "when" in question]
