"""The covering array has every pair of answers, and Copier refuses the pairs that are not in it."""

import itertools
from pathlib import Path

import pytest

from tests import covering_array
from tests.helpers import QUESTIONS, Record, Render
from tests.matrix import CELLS, PROGRAMS


def covered(rows: list[dict[str, int]]) -> set[covering_array.Pair]:
    return {pair for row in rows for pair in covering_array.pairs(row)}


def test_the_array_has_every_pair_that_a_project_can_have(record_property: Record) -> None:
    assert covered(covering_array.rows()) == covering_array.reachable()

    count = f"{len(CELLS)} projects with {len(covering_array.reachable())} pairs of answers"
    record_property("the covering array", f"{count}, and {len(PROGRAMS)} programs")


def test_a_pair_that_is_not_in_the_array_is_found() -> None:
    first, *others = covering_array.rows()

    assert covering_array.reachable() - covered(others) <= covered([first])
    assert covering_array.reachable() - covered(others)


@pytest.mark.slow
def test_a_new_question_is_in_the_array(monkeypatch: pytest.MonkeyPatch) -> None:
    question = {"type": "str", "choices": ["a", "b", "c"], "default": "a"}
    monkeypatch.setitem(QUESTIONS, "new", question)

    rows = covering_array.make(QUESTIONS)

    assert {row["new"] for row in rows} == {0, 1, 2}
    assert covered(rows) == covering_array.reachable()


def test_a_new_question_that_changes_python_files_makes_other_programs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert {"example", "primary_key", "audit"} <= {*covering_array.programs()}
    monkeypatch.setattr(covering_array, "programs", lambda: ["example", "docker"])

    assert covered(covering_array.make(covering_array.programs())) == {
        frozenset({("example", first), ("docker", second)})
        for first, second in itertools.product((0, 1), repeat=2)
    }


@pytest.mark.slow
def test_every_worker_of_the_tests_makes_the_same_array() -> None:
    assert (
        covering_array.make(QUESTIONS, within=covering_array.make(covering_array.programs()))
        == covering_array.rows()
    )


def test_answers_that_contradict_each_other_are_refused(render: Render, tmp_path: Path) -> None:
    numbers = {name: range(len(each)) for name, each in covering_array.values().items()}
    every = {
        frozenset(zip(two, chosen, strict=True))
        for two in itertools.combinations(numbers, 2)
        for chosen in itertools.product(*(numbers[name] for name in two))
    }
    for pair in every - covering_array.reachable():
        with pytest.raises(ValueError, match="Validation error"):
            render(tmp_path / "shop", **covering_array.answers(dict(pair)))

    with pytest.raises(ValueError, match="Dependabot works on GitHub only"):
        render(tmp_path / "shop", bot="dependabot", ci="gitlab")


def test_no_question_is_hidden_by_another_answer() -> None:
    # A hidden question keeps its default, so the array would have pairs that no project has.
    assert not [name for name, question in QUESTIONS.items() if "when" in question]
