"""Projects of each released version are updated to the present version, and then to a future one.

The future version adds a first line to all files of the template, and moves some of them. Each test prints
the versions, answers and lives of its projects.
"""

import re
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from maintenance.notes import blob
from tests.compatibility import ANSWERS
from tests.helpers import (
    Record,
    attempt,
    commit,
    git,
    publish,
    run,
)
from tests.lives import EDITED, TAKEN_OVER, in_a_work_tree, live
from tests.ownership import PATTERNS, classes, matches
from tests.proofs.support.sampling import sampled
from tests.released import FUTURE, PRESENT, predecessors, repository
from tests.update_table import kept

pytestmark = [pytest.mark.slow, pytest.mark.proof]

THEIRS = "# A new line of the template.\n"
CASES = [(version, name) for version in predecessors() for name in ANSWERS]


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository with all released versions and the present one."""
    return repository(tmp_path_factory.mktemp("versions") / "template")


@pytest.fixture(scope="module")
def future(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clone of this repository in another place, with a future version."""
    directory = tmp_path_factory.mktemp("future") / "template"
    git(template, "clone", "--quiet", str(template), str(directory))
    sources = directory / "template"
    for path in sources.rglob("*"):
        name = re.sub(r"\{\{ package_name \}\}", "shop", path.relative_to(sources).as_posix())
        seed = matches(PATTERNS["seed"], name.removesuffix(".jinja"))
        if path.is_file() and not seed and not unchanged(name):
            path.write_text(THEIRS + path.read_text())
    moved = {TAKEN_OVER: "tools/console.py", EDITED: "tools/repl.py"}
    notes = ""
    for old, new in moved.items():
        source = next(each for each in (sources / old, sources / f"{old}.jinja") if each.exists())
        before = blob(source.read_bytes().removeprefix(THEIRS.encode()))
        blobs = f'["{before}"]' if source.suffix != ".jinja" else "[]"
        source.rename(sources / source.relative_to(sources).as_posix().replace(old, new))
        notes += f'[[notes]]\nwhat = "{old} is now {new}."\ndo = "Move your changes."\n'
        notes += f'files = {{ "{old}" = {blobs} }}\n'
    releases = sources / "tools/releases"
    releases.mkdir(exist_ok=True)
    (releases / f"{FUTURE[1:]}.toml").write_text(notes)
    publish(directory, FUTURE)
    return directory


def unchanged(name: str) -> bool:
    """Return whether the future version does not change a file."""
    name = name.removesuffix(".jinja")
    settings = name.endswith(".toml") and name != "pyproject.toml"
    return settings or "answers" in name or "LICENSE" in name


def render(template: Path, version: str, directory: Path, answers: dict[str, Any]) -> Path:
    """Render a project of a version."""
    command = ["copier", "copy", "--quiet", "--defaults", "--vcs-ref", version]
    data = [f"--data={name}={answer}" for name, answer in answers.items()]
    run([*command, *data, str(template), str(directory)], directory.parent)
    return directory


def answers_of(project: Path) -> dict[str, Any]:
    """Return the answers of a project. A later question has another answer there than in a new one."""
    answers = yaml.safe_load((project / ".copier-answers.yml").read_text())
    return {name: each for name, each in answers.items() if name[0] != "_" and name != "ejected"}


def renovate(project: Path, version: str) -> str:
    """Update a project with the command that Renovate runs."""
    options = ["--skip-answered", "--defaults", "--answers-file", ".copier-answers.yml"]
    return run(["copier", "update", *options, "--vcs-ref", version], project)


def contents(project: Path) -> dict[str, str]:
    listed = git(project, "ls-files", "--cached", "--others", "--exclude-standard").splitlines()
    return {name: (project / name).read_text() for name in listed if (project / name).exists()}


def owners(project: Path, *kinds: str) -> dict[str, str]:
    """Return the texts of the files with one of these classes."""
    texts = contents(project)
    return {name: texts[name] for name in texts if {*classes(project, name)} & {*kinds}}


def test_an_updated_project_without_edits_has_the_files_of_a_fresh_one(
    template: Path, tmp_path: Path, record_property: Record
) -> None:
    for number, (version, name) in enumerate(sampled(CASES)):
        directory = tmp_path / str(number)
        directory.mkdir()
        project = render(template, f"v{version}", directory / "shop", ANSWERS[name])
        commit(project, "Render")
        seeds = owners(project, "seed")

        renovate(project, PRESENT)

        assert owners(project, "seed") == seeds
        (directory / "fresh").mkdir()
        fresh = render(template, PRESENT, directory / "fresh/shop", answers_of(project))
        commit(fresh, "Render")
        kinds = ("owned", "shared", "frozen")
        after, expected = owners(project, *kinds), owners(fresh, *kinds)
        del after[".copier-answers.yml"], expected[".copier-answers.yml"]
        assert after == expected
        kept(record_property, version, name, ["no life at all"])


def test_a_project_with_many_lives_is_updated_twice_and_loses_nothing(
    template: Path, future: Path, tmp_path: Path, record_property: Record
) -> None:
    for number, (version, name) in enumerate(sampled(CASES)):
        directory = tmp_path / str(number)
        directory.mkdir()
        project = render(template, f"v{version}", directory / "shop", ANSWERS[name])
        project = in_a_work_tree(directory, project)
        rendered = contents(project)
        lived = live(project, without_example=name == "uuid4 with audit")
        before = contents(project)

        renovate(project, PRESENT)

        after = contents(project)
        check_own(project, rendered, before, after)
        for file, text in owners(project, "owned", "shared").items():
            added = {*before.get(file, "").splitlines()} - {*rendered.get(file, "").splitlines()}
            assert added <= {*text.splitlines()} or file == ".copier-answers.yml", file
        update_again(project)
        update_to_the_future(project, future)
        kept(record_property, version, name, [*lived, "a sub-folder and a work tree"])


def check_own(
    project: Path, rendered: dict[str, str], before: dict[str, str], after: dict[str, str]
) -> None:
    """Check that there is no conflict, the project's files are the same, and no deleted file is back."""
    assert not any("<<<<<<<" in text or name.endswith(".rej") for name, text in after.items())
    for name in before.keys() | after.keys():
        if name not in after or not {*classes(project, name)} & {"owned", "shared"}:
            assert after.get(name) == before.get(name), name
    assert not (after.keys() - before.keys()) & rendered.keys()


def update_again(project: Path) -> None:
    """Check that the same update changes nothing."""
    if git(project, "status", "--porcelain"):
        commit(project, "Update")
    renovate(project, PRESENT)
    assert git(project, "status", "--porcelain") == ""


def update_to_the_future(project: Path, future: Path) -> None:
    """Update from another address to the future version, and check each file."""
    answers = project / ".copier-answers.yml"
    address = re.sub(r"(?m)^_src_path: .*$", f"_src_path: {future}", answers.read_text())
    answers.write_text(address)
    commit(project, "The template has moved")
    before = contents(project)
    kinds = owners(project, "owned", "shared")

    run(["copier", "update", "--skip-answered", "--defaults"], project)

    after = contents(project)
    for name, text in kinds.items():
        if name not in (TAKEN_OVER, EDITED, ".copier-answers.yml"):
            assert after[name] == THEIRS * (not unchanged(name)) + text, name
    assert after[TAKEN_OVER] == before[TAKEN_OVER]
    assert after.keys() - before.keys() == {
        "tools/console.py",
        "tools/repl.py",
        f"tools/releases/{FUTURE[1:]}.toml",
    }
    told = attempt([sys.executable, "-m", "tools.updated"], project)
    assert told.returncode == 1
    for moved in (TAKEN_OVER, EDITED):
        assert f"{FUTURE[1:]}: {moved} is now" in told.stdout
        assert f"Move your changes.\n    {moved}\n" in told.stdout
    assert f"or commit:\n    {EDITED}\n" in told.stdout


def test_the_answers_of_each_release_can_be_given_again(template: Path, tmp_path: Path) -> None:
    for number, (version, name) in enumerate(sampled(CASES)):
        old = render(template, f"v{version}", tmp_path / f"{number}-old", ANSWERS[name])
        answers = yaml.safe_load((old / ".copier-answers.yml").read_text())
        given = {key: value for key, value in answers.items() if not key.startswith("_")}
        (tmp_path / "answers.yml").write_text(yaml.safe_dump(given))
        options = ["--data-file", str(tmp_path / "answers.yml"), "--vcs-ref", PRESENT]
        again = tmp_path / f"{number}-again"

        run(
            ["copier", "copy", "--quiet", "--defaults", *options, str(template), str(again)],
            tmp_path,
        )

        replayed = yaml.safe_load((again / ".copier-answers.yml").read_text())
        assert given.items() <= replayed.items()


def test_an_update_gives_questions_without_an_answer_their_defaults(
    template: Path, tmp_path: Path
) -> None:
    version = predecessors()[-1]
    project = render(template, f"v{version}", tmp_path / "shop", {})
    answers = yaml.safe_load((project / ".copier-answers.yml").read_text())
    kept = ("package_name", "primary_key", "example", "project_name", "_commit", "_src_path")
    few = {key: answers[key] for key in kept}
    (project / ".copier-answers.yml").write_text(yaml.safe_dump(few))
    commit(project, "Render")

    renovate(project, PRESENT)

    after = yaml.safe_load((project / ".copier-answers.yml").read_text())
    expected = answers | {
        "web_framework": "none",
        "hooks": False,
        "bot": "none",
        "assistants": False,
    }
    assert {key: after[key] for key in expected if key != "_commit"} == {
        key: expected[key] for key in expected if key != "_commit"
    }


@pytest.mark.parametrize(
    ("question", "answer"),
    [("package_name", "store"), ("primary_key", "bigint"), ("example", "no")],
)
def test_an_update_refuses_to_change_an_answer_that_is_decided_once(
    template: Path, tmp_path: Path, question: str, answer: str
) -> None:
    project = render(template, f"v{predecessors()[-1]}", tmp_path / "shop", {})
    commit(project, "Render")
    options = ["--skip-answered", "--defaults", f"--data={question}={answer}"]

    done = attempt(["copier", "update", *options], project)

    assert done.returncode != 0
    assert "Decided once" in done.stdout.splitlines()[-1]
    assert git(project, "status", "--porcelain") == ""
