"""An update respects files of each class that a project deleted, moved, edited or took over."""

from pathlib import Path

import copier
import pytest
import yaml

from tests.helpers import commit, git, publish, snapshot, update

pytestmark = pytest.mark.slow

# One file per class (see ownership.py) and per kind of change, all in one project.
LIVED_IN = {
    "owned": {
        "deleted": "tools/psql.py",
        "moved": "src/shop/db/paging/cursor.py",
        "edited": "src/shop/db/paging/filtering.py",
        "taken over": "src/shop/db/unit_of_work/retry.py",
    },
    "shared": {
        "deleted": "compose.yaml",
        "moved": ".gitignore",
        "edited": "justfile",
        "taken over": ".github/workflows/ci.yml",
    },
    "seed": {
        "deleted": "scripts/seed.py",
        "moved": "scripts/demo.py",
        "edited": "README.md",
        "taken over": "src/shop/services/users.py",
    },
}
FILES = [(each, file) for files in LIVED_IN.values() for each, file in files.items()]
OURS, THEIRS = "# Our own line.\n", "# A new line of the template's.\n"


@pytest.fixture
def template(tmp_path: Path) -> Path:
    """The template as a repository, with its present state as the first version."""
    repository = snapshot(tmp_path / "template")
    publish(repository, "v1.0.0")
    return repository


@pytest.fixture
def living(template: Path, tmp_path: Path) -> Path:
    """A project that has deleted, moved, edited and taken over files of each class."""
    project = tmp_path / "shop"
    answers = {"license": "MIT"}
    copier.run_copy(str(template), project, data=answers, defaults=True, quiet=True)
    commit(project, "Render")
    for fate, name in FILES:
        befall(project / name, fate)
    take_over(project, *(name for fate, name in FILES if fate == "taken over"))
    commit(project, "Live")
    return project


def befall(path: Path, fate: str) -> None:
    """Delete, move or edit a file."""
    match fate:
        case "deleted":
            path.unlink()
        case "moved":
            path.rename(path.with_name("elsewhere"))
        case _:
            path.write_text(path.read_text() + OURS)


def take_over(project: Path, *names: str) -> None:
    """Write files into the answer `ejected`, as docs/update.md says."""
    answers = project / ".copier-answers.yml"
    header, _, text = answers.read_text().partition("\n")
    listed = yaml.safe_load(text) | {"ejected": list(names)}
    answers.write_text(f"{header}\n{yaml.safe_dump(listed)}")


def source(template: Path, name: str) -> Path:
    """Return the source of a file of the project."""
    path = template / "template" / name.replace("src/shop", "src/{{ package_name }}")
    return path if path.exists() else path.with_name(f"{path.name}.jinja")


def release(template: Path, version: str) -> None:
    """Release a version that changes the first line of each of these files."""
    for _, name in FILES:
        path = source(template, name)
        path.write_text(THEIRS + path.read_text())
    publish(template, version)


def contents(project: Path) -> dict[str, str]:
    return {name: (project / name).read_text() for name in git(project, "ls-files").splitlines()}


def check(project: Path, before: dict[str, str], versions: int) -> None:
    """Check each file by its class and its change, after several versions of the template."""
    after = contents(project)
    merged = {LIVED_IN[owner]["edited"] for owner in ("owned", "shared")}
    for name in {name for _, name in FILES} - merged:
        assert after.get(name) == before.get(name), name
    for name in merged:
        assert after[name] == THEIRS * versions + before[name], name
    moved = {name: text for name, text in before.items() if name.endswith("elsewhere")}
    assert after.items() >= moved.items()
    assert not any("<<<<<<<" in text or name.endswith(".rej") for name, text in after.items())


def test_updates_respect_the_files_that_a_project_changed(template: Path, living: Path) -> None:
    before = contents(living)

    for version in (1, 2):
        release(template, f"v{version + 1}.0.0")
        update(living)
        check(living, before, version)


@pytest.mark.parametrize("fate", ["deleted", "moved", "edited", "taken over"])
def test_an_update_leaves_a_frozen_file_alone(template: Path, living: Path, fate: str) -> None:
    befall(living / "LICENSE", fate)
    if fate == "taken over":
        take_over(living, "LICENSE")
    commit(living, "Another licence")
    before = contents(living)
    release(template, "v2.0.0")

    update(living)

    assert contents(living).get("LICENSE") == before.get("LICENSE")


def test_a_file_that_was_taken_over_stays_when_the_template_removes_its_own(
    template: Path, living: Path
) -> None:
    before = contents(living)
    source(template, "src/shop/db/unit_of_work/retry.py").unlink()
    publish(template, "v2.0.0")

    update(living)

    assert (
        contents(living)["src/shop/db/unit_of_work/retry.py"]
        == before["src/shop/db/unit_of_work/retry.py"]
    )


def test_a_file_that_is_given_back_is_merged_again(template: Path, living: Path) -> None:
    take_over(living)
    commit(living, "Give back")
    release(template, "v2.0.0")

    update(living)

    retry = (living / "src/shop/db/unit_of_work/retry.py").read_text()
    assert retry.startswith(THEIRS)
    assert retry.endswith(OURS)


def test_a_file_that_is_given_back_after_a_new_version_is_replaced_first(
    template: Path, living: Path
) -> None:
    name = "src/shop/db/unit_of_work/retry.py"
    release(template, "v2.0.0")
    update(living)

    (living / name).write_text(source(template, name).read_text())
    take_over(living)
    commit(living, "Give back")
    release(template, "v3.0.0")
    update(living)

    assert (living / name).read_text() == source(template, name).read_text()


def test_a_file_is_taken_over_in_the_answers_and_not_by_an_option(
    template: Path, living: Path
) -> None:
    with pytest.raises(ValueError, match=r"Write the list into \.copier-answers\.yml") as refusal:
        update(living, ejected=["justfile"])

    assert "docs/update.md" in str(refusal.value)
    assert git(living, "status", "--porcelain") == ""


def test_an_option_is_switched_in_a_project_that_has_deleted_its_files(
    template: Path, living: Path
) -> None:
    update(living, docker=False, ci="gitlab")

    assert not (living / "compose.yaml").exists()
    assert not (living / "Dockerfile").exists()
    assert (living / ".gitlab-ci.yml").exists()
