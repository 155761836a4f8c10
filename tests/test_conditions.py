"""The tests render each condition of the template when it is true, and when it is false."""

import shutil
from pathlib import Path

import copier
import pytest

from tests.conditions import Condition, Seen, conditions, watched
from tests.helpers import CONFIG, Record, commit, edit, publish, render_project, snapshot, update
from tests.matrix import Matrix
from tests.test_questions import BAD_ANSWERS

pytestmark = pytest.mark.slow

ANSWERS = "{{ _copier_conf.answers_file }}.jinja"


def one_sided(every: set[Condition], seen: Seen) -> list[tuple[Condition, bool]]:
    """Return the outcomes that no render had."""
    return sorted({(each, outcome) for each in every for outcome in (True, False)} - seen)


@pytest.fixture
def questions(tmp_path: Path) -> Path:
    """The questions of the template, with only one file to render."""
    template = snapshot(tmp_path / "template")
    answers = (template / "template" / ANSWERS).read_text()
    shutil.rmtree(template / "template")
    (template / "template").mkdir()
    (template / "template" / ANSWERS).write_text(answers)
    return template


def test_every_condition_was_true_and_false(
    matrix: Matrix,
    questions: Path,
    tmp_path: Path,
    record_property: Record,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    every = conditions(snapshot(tmp_path / "all"), CONFIG)
    monkeypatch.chdir(tmp_path)
    with watched() as seen:
        # A folder with a good name, and one with a bad name. The template has a whole path and a relative one.
        for name, source in (("shop", str(questions)), ("2024", questions.name)):
            for example in (True, False):
                copier.run_copy(
                    source,
                    tmp_path / f"{name} {example}" / name,
                    data={"example": example, "bot": "none"},
                    defaults=True,
                )
        # The array has each pair of answers, and one condition needs three.
        render_project(tmp_path / "all", tmp_path / "three", example=False)
        refuse(questions, tmp_path / "refused")
        live(questions, tmp_path / "living")

    assert one_sided(every, seen | matrix.seen()) == []
    assert len(every) > 60
    record_property("conditions of the template", f"{len(every)}, each seen true and false")


def refuse(questions: Path, directory: Path) -> None:
    """Give a bad answer for each message of a validator."""
    bad = {(name, sentence): answer for name, answer, sentence in BAD_ANSWERS}
    refused = [{name: answer} for (name, _), answer in bad.items()]
    refused += [{"ejected": ["../a", "../b"]}, {"bot": "dependabot", "ci": "gitlab"}]
    for answers in refused:
        with pytest.raises(ValueError, match=r"Validation error|Invalid"):
            render_project(questions, directory, **answers)


def live(questions: Path, directory: Path) -> None:
    """Update a project, and try to change answers that are decided once."""
    publish(questions, "v1.0.0")
    project = render_project(questions, directory)
    commit(project, "Render")
    (questions / "template/new.txt").touch()
    publish(questions, "v2.0.0")
    decided = {"package_name": "other", "primary_key": "bigint", "example": False}
    decided["example_options"] = "rls"
    for name, answer in [*decided.items(), ("ejected", ["a.py"])]:
        with pytest.raises(ValueError, match=r"Decided once|Write the list into"):
            update(project, **{name: answer})
    # As if a later version asked for them.
    forgotten = ("assistants: true", "bot: renovate", "hooks: true", "web_framework: fastapi")
    for name in (*forgotten, "example_options: fastapi"):
        edit(project / ".copier-answers.yml", f"{name}\n", "")
    commit(project, "Forget five answers")
    switched_on = {"web_framework": "fastapi", "observability": "opentelemetry"}
    switched_on |= {"audit": "triggers", "multi_tenancy": "rls"}
    for version, answers in (("v3.0.0", {}), ("v4.0.0", switched_on)):
        (questions / f"template/{version}.txt").touch()
        publish(questions, version)
        # Only an update that is not quiet renders its message.
        copier.run_update(project, data=answers, defaults=True, overwrite=True)
        commit(project, "Update")
    with pytest.raises(ValueError, match="Decided once as rls"):
        update(project, multi_tenancy="none")


def test_a_condition_that_is_never_true_is_found(questions: Path, tmp_path: Path) -> None:
    text = "{% if license == 'GPL' %}a{% endif %}{{ 'b' if user_name else 'c' }}"
    (questions / "template" / ANSWERS).rename(questions / "template/new.txt.jinja").write_text(text)
    every = conditions(questions, {"_envops": CONFIG["_envops"]})

    with watched() as seen:
        for name in ("Ada", ""):
            render_project(questions, tmp_path / f"by {name}", user_name=name)

    assert one_sided(every, seen) == [(("template/new.txt.jinja", 0), True)]
