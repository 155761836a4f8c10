"""Each released version is compatible with the present one. Broken copies show that the checks work."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from maintenance.archive import versions
from maintenance.notes import Note
from maintenance.notes import read as read_notes
from tests import compatibility
from tests.helpers import Record, Render, edit, render_project
from tests.proofs.support.sampling import sampled
from tests.released import sources

pytestmark = pytest.mark.slow


def crossed(version: str) -> list[Note]:
    """Return the notes of all later versions, and of the next version."""
    after = {*versions()[versions().index(version) + 1 :], "unreleased"}
    return [note for name, notes in read_notes().items() if name in after for note in notes]


def test_every_release_is_compatible_with_the_present_version(
    template: Path, render: Render, shop: Path, tmp_path: Path, record_property: Record
) -> None:
    problems: list[str] = []
    # Each earlier version was compared with its next one, before that was released. So a change breaks
    # a rule with the last version first, and a sample of the others is enough until a release.
    compared = [*versions()[-1:], *sampled(versions()[:-1])]
    present = [
        render(tmp_path / f"new-{number}" / "shop", **answers)
        for number, answers in enumerate(compatibility.ANSWERS.values())
    ]
    for version in compared:
        old = sources(version, tmp_path / version)
        notes = crossed(version)
        problems += compatibility.questions(old, template)
        for number, answers in enumerate(compatibility.ANSWERS.values()):
            directory = tmp_path / f"{version}-{number}" / "shop"
            before, after = render_project(old, directory, **answers), present[number]
            problems += compatibility.rendered_files(before, after, notes)
            problems += compatibility.names(before, after, notes)
        # The last ANSWERS include the audit.
        problems += compatibility.ddl(before, after, shop / ".venv/bin/python")

    assert not problems, "\n".join(dict.fromkeys(problems))
    record_property("releases that are compatible with the present version", ", ".join(compared))


def test_rendering_is_deterministic(template: Path, tmp_path: Path) -> None:
    assert not [*compatibility.determinism(template, tmp_path, {"audit": "triggers"})]


@pytest.fixture(scope="module")
def before(render: Render, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project of the present version."""
    return render(tmp_path_factory.mktemp("before") / "shop", audit="triggers")


@pytest.fixture
def doctored(template: Path, tmp_path: Path) -> Path:
    """A copy of the template that the test may break."""
    return shutil.copytree(template, tmp_path / "template")


@pytest.fixture
def after(doctored: Path, tmp_path: Path) -> Callable[[], Path]:
    """A function that renders the doctored copy."""
    return lambda: render_project(doctored, tmp_path / "after/shop", audit="triggers")


def layer(template: Path) -> Path:
    return template / "template/src/{{ package_name }}/db"


def test_a_question_without_a_default_is_found(template: Path, doctored: Path) -> None:
    with (doctored / "copier.yml").open("a") as file:
        file.write("\nlater:\n  type: str\n  help: What?\n")

    assert [*compatibility.questions(template, doctored)] == ["the question later has no default"]


def test_a_question_or_a_choice_that_is_gone_is_found(template: Path, doctored: Path) -> None:
    edit(doctored / "copier.yml", "    GitLab CI: gitlab\n", "")
    edit(doctored / "copier.yml", "\naudit:\n", "\nlog:\n")

    assert [*compatibility.questions(template, doctored)] == [
        "the question ci has lost the choice gitlab",
        "the question audit is gone, and no other one takes its answer",
    ]


def test_a_seed_that_changed_needs_a_note(
    doctored: Path, before: Path, after: Callable[[], Path]
) -> None:
    edit(doctored / "template/README.md.jinja", "## Start", "## How to start")
    project = after()

    found = [*compatibility.rendered_files(before, project, [])]

    assert found == ["README.md differs in new projects: name it in the seeds of a note"]
    assert not [*compatibility.rendered_files(before, project, [{"seeds": ["README.md"]}])]


def test_an_owned_file_that_was_renamed_needs_a_note(
    doctored: Path, before: Path, after: Callable[[], Path]
) -> None:
    path = layer(doctored) / "unit_of_work/retry.py"
    path.rename(path.with_name("again.py"))
    project = after()

    found = [*compatibility.rendered_files(before, project, [])]

    renamed = "src/shop/db/unit_of_work/retry.py"
    assert found == [f"{renamed} is gone or renamed: name it in the files of a note"]
    note: Note = {"files": {"src/<package>/db/unit_of_work/retry.py": []}}
    assert not [*compatibility.rendered_files(before, project, [note])]


def test_a_frozen_file_that_changed_is_found(doctored: Path, tmp_path: Path) -> None:
    before = render_project(doctored, tmp_path / "before/shop", license="MIT")
    edit(doctored / "licenses/MIT.txt", "The above copyright", "This copyright")
    after = render_project(doctored, tmp_path / "after/shop", license="MIT")

    assert [*compatibility.rendered_files(before, after, [])] == [
        "LICENSE is frozen, and has changed"
    ]


def test_a_missing_frozen_name_is_found_even_with_a_note(
    doctored: Path, before: Path, after: Callable[[], Path]
) -> None:
    errors = layer(doctored) / "errors.py"
    errors.write_text(errors.read_text().replace("class UniqueViolation(", "class NotUnique("))

    found = [*compatibility.names(before, after(), [{"words": ["UniqueViolation"]}])]

    assert found == ["shop.db.errors.UniqueViolation is frozen, and is gone"]


def test_a_public_name_or_a_setting_that_is_gone_needs_a_note(
    doctored: Path, before: Path, after: Callable[[], Path]
) -> None:
    room = layer(doctored) / "audit/__init__.py"
    room.write_text(room.read_text().replace("actor_hook", "hook_of_actors"))
    edit(layer(doctored) / "settings.py", "    pool_recycle:", "    pool_age:")
    edit(layer(doctored) / "fastapi/settings.py", "    drain_timeout:", "    drain_time:")
    project = after()

    found = [*compatibility.names(before, project, [])]

    assert found == [
        "shop.db.audit.actor_hook is gone: keep an alias, or name it in the words of a note",
        "the setting DATABASE_POOL_RECYCLE is gone: name it in the words of a note",
        "the setting WEB_DRAIN_TIMEOUT is gone: name it in the words of a note",
    ]
    words = ["actor_hook", "DATABASE_POOL_RECYCLE", "WEB_DRAIN_TIMEOUT"]
    assert not [*compatibility.names(before, project, [{"words": words}])]


def test_a_missing_fixture_and_a_new_name_of_a_seed_are_found(
    doctored: Path, before: Path, after: Callable[[], Path]
) -> None:
    fixtures = doctored / "template/tests/db/fixtures.py.jinja"
    text = fixtures.read_text().replace("def uow(", "def unit_of_work(")
    fixtures.write_text(
        f"{text}from {{{{ package_name }}}}.unit_of_work import ReplicaUnitOfWork\n"
    )

    found = [*compatibility.names(before, after(), [])]

    assert found == [
        "the template needs shop.unit_of_work.ReplicaUnitOfWork, and seeds of the earlier version lack it",
        "the fixture uow is frozen, and is gone",
    ]


@pytest.mark.parametrize(
    ("module", "old", "new"),
    [
        ("mixins/timestamps.py", "updated_at: Mapped", "changed_at: Mapped"),
        ("base.py", '"ix": "ix_', '"ix": "index_'),
    ],
)
def test_the_ddl_of_a_released_mixin_that_changed_is_found(
    doctored: Path,
    before: Path,
    after: Callable[[], Path],
    shop: Path,
    module: str,
    old: str,
    new: str,
) -> None:
    python = shop / ".venv/bin/python"
    assert not [*compatibility.ddl(before, before, python)]
    edit(layer(doctored) / module, old, new)

    found = [*compatibility.ddl(before, after(), python)]

    assert found
    assert found[0].startswith("the DDL of a released mixin has changed")


@pytest.mark.parametrize(
    "expression", ["{{ range(99999) | random }}", "{{ _copier_conf.dst_path }}"]
)
def test_rendering_that_is_not_deterministic_is_found(
    doctored: Path, tmp_path: Path, expression: str
) -> None:
    with (doctored / "template/README.md.jinja").open("a") as file:
        file.write(expression)

    found = [*compatibility.determinism(doctored, tmp_path / "renders", {})]

    assert found == ["README.md is rendered differently each time"]
