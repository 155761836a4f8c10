"""An update from each released version can give another answer to each question that can change."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.helpers import QUESTIONS, Record, attempt, commit, run
from tests.proofs.support.sampling import sampled
from tests.released import PRESENT, predecessors, repository
from tests.renders import choices
from tests.service import serving, status_of
from tests.test_release_updates import answers_of, contents, owners, render
from tests.update_table import kept

pytestmark = [pytest.mark.slow, pytest.mark.proof]

# Each answer is switched to the next one, and the last answer to the first one.
SWITCHES = [
    (name, before, after)
    for name, question in QUESTIONS.items()
    if "Decided once" not in str(question) and (listed := choices(question))
    for before, after in zip(listed, [*listed[1:], listed[0]], strict=True)
]
CASES = [(version, *switch) for version in predecessors() for switch in SWITCHES]


@pytest.fixture(scope="module")
def released(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository with all released versions and the present one."""
    return repository(tmp_path_factory.mktemp("versions") / "template")


def test_each_question_that_can_change_is_switched() -> None:
    assert {name for name, _, _ in SWITCHES} >= {"web_framework", "audit", "observability", "ci"}


def test_an_update_that_switches_an_answer_gives_the_files_of_a_fresh_project(
    released: Path, tmp_path: Path, record_property: Record
) -> None:
    for number, (version, question, before, after) in enumerate(sampled(CASES)):
        directory = tmp_path / str(number)
        (directory / "fresh").mkdir(parents=True)
        project = render(released, f"v{version}", directory / "shop", {question: before})
        commit(project, "Render")

        switch(project, question, after)

        fresh = render(released, PRESENT, directory / "fresh/shop", answers_of(project))
        commit(fresh, "Render")
        assert answers_of(project)[question] == after
        assert templates_files(project) == templates_files(fresh), (version, question, after)
        assert not any("<<<<<<<" in text for text in contents(project).values())
        assert attempt(["python3", "-m", "tools.updated"], project).returncode in (0, 1)
        kept(record_property, version, "default answers", [f"{question} switched"])


def test_a_project_of_an_earlier_release_without_the_web_can_switch_it_on_and_serves(
    released: Path, open_directory: Path
) -> None:
    for version in sampled(predecessors()):
        directory = open_directory / version
        directory.mkdir()
        project = render(released, f"v{version}", directory / "shop", {"web_framework": "none"})
        commit(project, "Render")

        switch(project, "web_framework", "fastapi")

        with serving(project) as url:
            assert status_of(f"{url}/docs") == 200


def switch(project: Path, question: str, answer: object) -> None:
    """Update a project to the present version with another answer."""
    given = json.dumps(answer) if isinstance(answer, bool) else answer
    options = ["--skip-answered", "--defaults", f"--data={question}={given}"]
    run(["copier", "update", *options, "--vcs-ref", PRESENT], project)


def templates_files(project: Path) -> dict[str, Any]:
    """Return the files that an update renews, without the lines of the answers file that differ."""
    texts = owners(project, "owned", "shared", "frozen")
    answers = texts.pop(".copier-answers.yml")
    return texts | {"answers": re.sub(r"(?m)^(_commit|_src_path): .*\n", "", answers)}
