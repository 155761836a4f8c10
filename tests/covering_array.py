"""The covering array: a few projects that together have every pair of answers.

The values come from copier.yml: each choice, yes and no, and the EXAMPLES of questions without choices.
If a validator compares two answers, there are pairs that no project can have. A new question or a new
validator changes the array without a change here.

The Python files of a project are its program. Few answers change Python files. The array takes these
answers from a smaller array. So there are only a few programs, and their checks take little time.
"""

import itertools
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache, partial
from typing import Any

import covertable
from jinja2 import StrictUndefined, Template, meta
from jinja2.sandbox import SandboxedEnvironment

from tests.helpers import CONFIG, QUESTIONS, ROOT

Answers = dict[str, Any]
Pair = frozenset[tuple[str, int]]  # two questions, each with the number of its value

DERIVED = {name for name in CONFIG if name[0] != "_"} - QUESTIONS.keys()

# None gives no answer, so that the question keeps its default.
EXAMPLES: dict[str, list[Any]] = {
    "project_name": [None, "An Extraordinarily Long Name X " + "y" * 29],
    "package_name": ["shop", "zoo", "an_extraordinarily_long_name_x"],
    "description": [None, "A" * 120],
    "user_name": [None, "Ada Lovelace"],
    "user_email": [None, "ada@example.com"],
    "example_options": [None],
    "ejected": [None, [".env.example"]],
}


def values() -> dict[str, list[Any]]:
    """Return the values of each question.

    Raises:
        KeyError: a question has no choices, and no examples.
    """
    return {name: list(_values(name, question)) for name, question in QUESTIONS.items()}


def _values(name: str, question: dict[str, Any]) -> list[Any]:
    if choices := question.get("choices"):
        return list(choices.values() if isinstance(choices, dict) else choices)
    return [True, False] if question["type"] == "bool" else EXAMPLES[name]


@cache
def environment() -> SandboxedEnvironment:
    """Return a Jinja environment with Copier's filters."""
    return SandboxedEnvironment(
        extensions=["jinja2_ansible_filters.AnsibleCoreFiltersExtension"],
        **CONFIG["_envops"] | {"undefined": StrictUndefined},
    )


def named(text: str) -> set[str]:
    """Return the questions that a text of Jinja names, directly or by a derived value."""
    found = meta.find_undeclared_variables(environment().parse(text))
    derived = [CONFIG[name]["default"] for name in found & DERIVED]
    texts = [each for each in derived if isinstance(each, str)]
    return (found & QUESTIONS.keys()).union(*map(named, texts))


@cache
def rules() -> list[tuple[set[str], Template]]:
    """Return the validators that name several questions, with these questions."""
    validators = [question.get("validator", "") for question in QUESTIONS.values()]
    return [(named(text), environment().from_string(text)) for text in validators if tied(text)]


def tied(text: str) -> bool:
    """Return whether a text names several questions."""
    return len(named(text)) > 1


def accepts(rule: Template, answers: Answers) -> bool:
    """Return whether a rule accepts the answers, in a new project."""
    defaults = {name: question["default"] for name, question in QUESTIONS.items()}
    new = {"_copier_conf": {"dst_path": "/nonexistent", "answers_file": ".copier-answers.yml"}}
    return not rule.render(new | defaults | answers).strip()


@cache
def programs() -> list[str]:
    """Return the questions with choices whose answers add, remove or change Python files."""
    python = (path.read_text() for path in (ROOT / "template").rglob("*.py.jinja"))
    directories = re.compile(r"/(src|tests|migrations|scripts|tools)\b|!\*")
    excluded = (line for line in CONFIG["_exclude"] if directories.search(line))
    changing = set().union(*map(named, [*python, *excluded]))
    return [name for name in QUESTIONS if name in changing and name not in EXAMPLES]


def answers(row: dict[str, int]) -> Answers:
    """Return the answers of a row."""
    known = values()
    chosen = {name: known[name][number] for name, number in row.items()}
    return {name: value for name, value in chosen.items() if value is not None}


def make(names: Iterable[str], within: list[dict[str, int]] | None = None) -> list[dict[str, int]]:
    """Return rows with every pair of values of these questions. Their programs are in `within`."""
    known = values()
    constraints: list[tuple[set[str], Callable[[dict[str, int]], bool]]] = [
        (tied, partial(keeps, rule)) for tied, rule in rules() if tied <= {*names}
    ]
    # Each part of a program has a constraint, so that a row cannot become a dead end. Otherwise the search
    # tries millions of rows.
    for size in (2, 3, len(programs())) if within else ():
        for part in itertools.combinations(programs(), size):
            constraints.append(({*part}, partial(begins, within or [], part)))
    made = covertable.make(
        {name: list(range(len(known[name]))) for name in names},
        constraints=[
            {"operator": "fn", "requires": sorted(tied), "evaluate": holds}
            for tied, holds in constraints
        ],
    )
    return [{name: row[name] for name in names} for row in made]


def keeps(rule: Template, row: dict[str, int]) -> bool:
    """Return whether a row follows a rule."""
    return accepts(rule, answers(row))


def begins(within: list[dict[str, int]], part: Sequence[str], row: dict[str, int]) -> bool:
    """Return whether some program has the values that a row has for these questions."""
    return any(all(each[name] == row[name] for name in part) for each in within)


def program(row: dict[str, int]) -> dict[str, int]:
    """Return the part of a row that changes Python files."""
    return {name: row[name] for name in programs()}


@cache
def rows() -> list[dict[str, int]]:
    """Return the covering array. A row has the numbers of the values."""
    return make(QUESTIONS, within=make(programs()))


def representatives() -> list[int]:
    """Return the first row of each program. The other rows have the same Python files."""
    known = [program(row) for row in rows()]
    return [number for number, each in enumerate(known) if known.index(each) == number]


def cells() -> list[Answers]:
    """Return the answers of each project of the array."""
    return [answers(row) for row in rows()]


def pairs(row: dict[str, int]) -> Iterator[Pair]:
    """Yield each pair of values of a row."""
    for two in itertools.combinations(row.items(), 2):
        yield frozenset(two)


def reachable() -> set[Pair]:
    """Return the pairs that a project can have. This uses the rules, and not covertable."""
    numbers = {name: range(len(each)) for name, each in values().items()}
    bound = sorted({name for names, _ in rules() for name in names})
    accepted = [
        row
        for chosen in itertools.product(*(numbers[name] for name in bound))
        for row in [dict(zip(bound, chosen, strict=True))]
        if all(keeps(rule, row) for _, rule in rules())
    ]
    return {
        pair
        for two in itertools.combinations(numbers, 2)
        for chosen in itertools.product(*(numbers[name] for name in two))
        for pair in [frozenset(zip(two, chosen, strict=True))]
        if any(all(row.get(name, number) == number for name, number in pair) for row in accepted)
    }
