"""The notes of versions are right, and `just updated` prints those that concern a project."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import copier
import pytest

from maintenance import notes
from maintenance.archive import versions
from maintenance.notes import Note
from tests.helpers import (
    ROOT,
    Render,
    commit,
    edit,
    git,
    left,
    prepend,
    publish,
    render_project,
    snapshot,
)
from tests.released import FUTURE, PRESENT, sources

pytestmark = pytest.mark.slow


class Shown(NamedTuple):
    """A project that a note concerns: its answers, and the change that makes the note concern it."""

    answers: dict[str, Any]
    live: Callable[[Path], object]


def uses(name: str) -> Callable[[Path], object]:
    return lambda project: prepend(project / "scripts/seed.py", f"# {name}\n")


# For the first sentence of each note, a project that the note concerns.
SHOWN: dict[str, Shown] = {
    "A foreign key to an open table may not CASCADE.": Shown({"multi_tenancy": "rls"}, bool),
    "In new projects, a password that UTF-8 cannot express is a 401, not a 500.": Shown({}, bool),
    "In new projects, the import rejects a line with more values than columns.": Shown({}, bool),
    "The example's API is stricter in new projects: a time is text, a search has a limit, and a draft"
    " of an inactive user is hidden.": Shown(
        {"web_framework": "fastapi"}, lambda project: (project / "notes.txt").write_text("work\n")
    ),
    "The example's API refuses a parameter that a list does not know, in new projects.": Shown(
        {"web_framework": "fastapi"}, lambda project: (project / "notes.txt").write_text("work\n")
    ),
    "Security: pyjwt before 2.13.0 and python-multipart before 0.0.31 have known faults.": (
        Shown({"web_framework": "fastapi"}, bool)
    ),
    "In the example of new projects, a CHECK keeps e-mails in lower case, also if rows are copied.": (
        Shown({"example": True}, bool)
    ),
    "The trigger of the audit also logs a change that `jsonb` does not see, such as 1.0 to 1.00.": (
        Shown({"audit": "triggers"}, bool)
    ),
    "`AGENTS.md` and a skill for coding assistants are a new option, and the README of new projects"
    " names them.": Shown({}, bool),
    "`just lint` also refuses code that the layer would punish later, such as a commit in a loop.": (
        Shown({}, bool)
    ),
    "`trust_search_path` of `db.migrations.postgresql` is now `secure_session`: migrations also set"
    " `row_security = off`.": Shown({}, uses("trust_search_path")),
    "`upsert_statement` of `db.postgresql` is gone: the repository puts the INSERT … ON CONFLICT"
    " together.": Shown({}, uses("upsert_statement")),
    "Security: a unit of work ends with the error of a begin hook, and no longer goes on without"
    " the settings of the hook.": Shown({}, uses("begin_hooks")),
    "The README of new projects says where the documents of the template are.": Shown({}, bool),
    "In new projects, `api/claims.py` has the claims of a token.": Shown({}, bool),
}


def without_a_test(found: dict[str, list[Note]], shown: dict[str, Shown]) -> list[str]:
    """Return the notes that no project shows."""
    return [note["what"] for each in found.values() for note in each if note["what"] not in shown]


def test_every_note_has_a_project_that_shows_it() -> None:
    assert not without_a_test(notes.read(), SHOWN)
    assert SHOWN.keys() <= {note["what"] for each in notes.read().values() for note in each}


def test_a_note_without_a_test_is_found(tmp_path: Path) -> None:
    (tmp_path / "maintenance").mkdir()
    (tmp_path / notes.UNRELEASED).write_text('[[notes]]\nwhat = "New."\ndo = "Read."\n')

    assert without_a_test(notes.read(tmp_path), SHOWN) == ["New."]


def test_every_note_is_well_formed(tmp_path: Path) -> None:
    for version, listed in notes.read().items():
        names = versions()
        earlier = names[: names.index(version)] if version in names else names
        released = [sources(each, tmp_path / each) for each in earlier]
        for note in listed:
            assert not [*notes.problems(note, released)], note


def test_every_note_is_printed_for_the_project_that_it_concerns(
    render: Render, tmp_path: Path
) -> None:
    for number, (what, shown) in enumerate(SHOWN.items()):
        [version] = [name for name, each in notes.read().items() if what in str(each)]
        source = notes.UNRELEASED if version == "unreleased" else f"{notes.RELEASED}/{version}.toml"
        project = render(tmp_path / str(number) / "shop", **shown.answers)
        shutil.rmtree(project / "tools/releases", ignore_errors=True)
        commit(project, "Before")
        shown.live(project)
        (project / "tools/releases").mkdir()
        shutil.copy(ROOT / source, project / "tools/releases/1000.0.0.toml")

        assert what in left(project, "HEAD")[1]


WRONG: list[tuple[Note, str]] = [
    ({"what": "no full stop", "do": "Read."}, "what: write a sentence"),
    ({"what": "word " * 31 + ".", "do": "Read."}, "what: write a sentence"),
    ({"what": "New."}, "do: write a sentence"),
    ({"what": "New.", "do": "Read.", "since": "0.1.0"}, "since is not a key"),
    ({"what": "New.", "do": "Read.", "words": "DATABASE_URL"}, "words is not a list"),
    ({"what": "New.", "do": "Read.", "words": ["two words"]}, "'two words' is not a word"),
    ({"what": "New.", "do": "Read.", "answers": ["audit: events"]}, "no question has the answer"),
    ({"what": "New.", "do": "Read.", "files": {"tools/psql.py": []}}, "do not name tools/psql.py"),
    (
        {"what": "psql.py has moved.", "do": "Read.", "files": {"tools/psql.py": ["a"]}},
        "the releases had other contents",
    ),
]


@pytest.mark.parametrize(("note", "problem"), WRONG)
def test_a_note_that_is_wrong_is_found(template: Path, note: Note, problem: str) -> None:
    assert any(problem in each for each in notes.problems(note, [template]))


def test_a_note_that_is_right_has_no_problem(template: Path) -> None:
    blobs = [notes.blob((template / "template/tools/psql.py").read_bytes())]
    note: Note = {
        "what": "tools/psql.py is gone.",
        "do": "Set DATABASE_ECHO to see what it showed.",
        "answers": ["audit: triggers", "docker: true"],
        "words": ["DATABASE_POOL"],
        "files": {"tools/psql.py": blobs},
    }

    assert not [*notes.problems(note, [template])]


NEW = FUTURE.removeprefix("v")
NOTES = """
[[notes]]
what = "Everybody reads this."
do = "Set DATABASE_ECHO for the old behaviour."
seeds = ["src/<package>/settings.py", "src/<package>/nothing.py"]
[[notes]]
what = "The setting DATABASE_POOL is gone."
do = "Remove it."
words = ["DATABASE_POOL", "old_name"]
[[notes]]
what = "Nobody has this setting."
do = "Remove it."
words = ["DATABASE_NOTHING"]
[[notes]]
what = "The log is new."
do = "Read it."
answers = ["audit: triggers"]
[[notes]]
what = "tools/psql.py is now tools/console.py."
do = "Move your changes."
files = {{ "tools/psql.py" = ["{blob}"] }}
[[notes]]
what = "tools/develop.py is now tools/server.py."
do = "Move your changes."
files = {{ "tools/develop.py" = ["{other}"] }}
[[notes]]
what = "A table needs an index."
do = "Write a revision."
revision = "ix_posts_body"
"""


@pytest.fixture(scope="module")
def after_update(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project that some of the NOTES concern, after an update and before its commit."""
    directory = tmp_path_factory.mktemp("notes")
    template = snapshot(directory / "template")
    publish(template, PRESENT)
    project = render_project(template, directory / "shop")
    prepend(project / "tools/psql.py", "# ours\n")
    prepend(project / "src/shop/settings.py", "# old_name\n")
    commit(project, "Live")
    (project / ".env").write_text("DATABASE_POOL=null\n")
    tools = template / "template/tools"
    names = {"blob": "psql.py", "other": "develop.py"}
    blobs = {key: notes.blob((tools / name).read_bytes()) for key, name in names.items()}
    (tools / "psql.py").rename(tools / "console.py")
    (tools / "releases").mkdir(exist_ok=True)
    (tools / f"releases/{NEW}.toml").write_text(NOTES.format(**blobs))
    publish(template, FUTURE)
    copier.run_update(project, defaults=True, overwrite=True, quiet=True)
    return project


@pytest.fixture
def project(after_update: Path, tmp_path: Path) -> Path:
    """A copy that the test may change."""
    return shutil.copytree(after_update, tmp_path / "shop", symlinks=True)


INDEX = f"{NEW}: A table needs an index. Write a revision.\n    migrations/versions: no revision has ix_posts_body\n"
MOVED = f"{NEW}: tools/psql.py is now tools/console.py. Move your changes.\n    tools/psql.py\n"
SETTING = f"{NEW}: The setting DATABASE_POOL is gone. Remove it.\n"


def test_the_notes_that_concern_a_project_are_printed_with_the_places(project: Path) -> None:
    code, output = left(project)

    assert code == 1
    everybody = f"{NEW}: Everybody reads this. Set DATABASE_ECHO for the old behaviour."
    assert f"{everybody}\n    src/shop/settings.py\n{NEW}" in output
    assert SETTING + "    src/shop/settings.py\n    .env\n" in output
    assert MOVED in output
    assert INDEX in output
    assert not [
        each for each in ("Nobody has", "The log is new", "tools/server.py") if each in output
    ]


def test_a_committed_update_is_recognized_and_its_notes_end_with_the_work(
    project: Path,
) -> None:
    commit(project, "Update")
    commit_more = project / "README.md"
    prepend(commit_more, "\n")
    commit(project, "Work goes on")

    assert SETTING in left(project)[1]
    assert MOVED not in left(project)[1]  # after a commit, files that are gone are not listed
    assert MOVED in left(project, "HEAD~2")[1]

    (project / ".env").unlink()
    edit(project / "src/shop/settings.py", "# old_name\n", "")
    assert SETTING not in left(project)[1]
    assert INDEX in left(project)[1]
    (project / "migrations/versions/0002.py").write_text('"""Add ix_posts_body."""\n')
    code, output = left(project)
    assert code == 0
    assert output.startswith(f"{NEW}: Everybody reads this.")


def test_a_project_that_was_never_updated_has_no_notes(project: Path) -> None:
    shutil.rmtree(project / ".git")
    commit(project, "Render")

    assert left(project) == (0, "Nothing is left to do.\n")


def test_the_check_says_how_far_behind_a_project_is_and_what_concerns_it(project: Path) -> None:
    git(project, "stash", "--include-untracked")
    (project / ".env").write_text("DATABASE_POOL=null\n")

    code, output = left(project, "--check")

    assert code == 1
    assert output.startswith(f"Newer versions: v{NEW}\n")
    assert SETTING in output
    assert MOVED in output

    git(project, "stash", "pop")
    assert left(project, "--check")[1].startswith("Newer versions: none\n")


@pytest.mark.parametrize("address", ["/nowhere", "https://nowhere.invalid/template"])
def test_the_check_prints_one_sentence_if_the_template_does_not_answer(
    project: Path, address: str
) -> None:
    answers = project / ".copier-answers.yml"
    old = next(line for line in answers.read_text().splitlines() if line.startswith("_src_path"))
    edit(answers, old, f"_src_path: {address}")

    code, output = left(project, "--check")

    assert code == 1
    assert output.count("\n") == 1
    assert output.startswith("git ls-remote failed: fatal: ")


def test_the_check_needs_a_version_of_the_template(project: Path) -> None:
    edit(project / ".copier-answers.yml", f"_commit: {FUTURE}", f"_commit: {FUTURE}-1-g1234567")

    code, output = left(project, "--check")

    assert code == 1
    assert f"has no version v{NEW}-1-g1234567: update the project" in output
