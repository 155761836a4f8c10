"""A release is checked, written and tagged. Its archive has the sources that Copier reads."""

import datetime
import re
import shutil
import tomllib
from pathlib import Path

import pytest

from maintenance import notes, release
from maintenance.archive import ARCHIVES, SUFFIX, number, pack, unpack, versions
from tests.helpers import ROOT, SOURCES, attempt, commit, edit, git, run
from tests.released import PRESENT, predecessors, repository

TODAY = datetime.date(2030, 1, 31)
RULES = 'RULES = ["tests/test_compatibility.py", "tests/test_notes.py", "tests/test_releases.py"]'
AUTHOR = {
    f"GIT_{role}_{key}": value
    for role in ("AUTHOR", "COMMITTER")
    for key, value in {"NAME": "Ada", "EMAIL": "ada@example.com"}.items()
}


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A repository with the files of a release, without earlier releases."""
    clone = tmp_path / "clone"
    for name in [*SOURCES, "CHANGELOG.md", "pyproject.toml"]:
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        (clone / name).parent.mkdir(parents=True, exist_ok=True)
        copy(ROOT / name, clone / name)
    for path in [*clone.rglob("__pycache__"), *clone.rglob(".ruff_cache")]:
        shutil.rmtree(path)
    shutil.rmtree(clone / notes.RELEASED, ignore_errors=True)
    (clone / "tests").mkdir()
    (clone / "maintenance").mkdir()
    write_news(clone)
    project = clone / "pyproject.toml"
    project.write_text(
        re.sub(r'^version = ".*"', 'version = "0.0.0"', project.read_text(), flags=re.M)
    )
    commit(clone, "Begin")
    return clone


def write_news(clone: Path) -> None:
    """Let the changelog have news. After a release it is empty."""
    text = (ROOT / "CHANGELOG.md").read_text().partition(release.UNRELEASED)[0]
    (clone / "CHANGELOG.md").write_text(f"{text}{release.UNRELEASED}\n### Added\n\n- News.\n")


def cut(clone: Path, version: str) -> None:
    """Release a version without running the tests."""
    assert not [*release.problems(clone, version)]
    release.write(clone, version, TODAY)
    commit(clone, f"Release {version}")
    git(clone, "tag", f"v{version}")


def test_a_release_writes_its_version_news_notes_and_archive(clone: Path) -> None:
    (clone / notes.UNRELEASED).write_text('[[notes]]\nwhat = "New."\ndo = "Read."\n')
    commit(clone, "Note")

    cut(clone, "0.1.0")

    assert release.current(clone) == "0.1.0"
    changelog = (clone / "CHANGELOG.md").read_text()
    assert "## [Unreleased]\n\n## [0.1.0] - 2030-01-31\n\n### Added\n\n- News.\n" in changelog
    assert notes.read(clone) == {"0.1.0": [{"what": "New.", "do": "Read."}]}
    assert git(clone, "status", "--porcelain") == ""


@pytest.mark.slow
def test_versions_are_built_from_their_archives(clone: Path, tmp_path: Path) -> None:
    archives = clone / "tests/releases"
    counts = []
    for version in (None, "0.1.0", "0.2.0"):
        if version:
            with (clone / "template/justfile.jinja").open("a") as file:
                file.write(f"# {version}\n")
            changelog = clone / "CHANGELOG.md"
            news = f"{release.UNRELEASED}\n### Added\n\n- News.\n"
            text = changelog.read_text()
            changelog.write_text(text if news in text else text.replace(release.UNRELEASED, news))
            commit(clone, "Change")
            cut(clone, version)
        built = repository(tmp_path / str(version), archives, clone)
        tags = git(built, "tag", "--sort=version:refname").split()
        assert tags == [f"v{each}" for each in reversed(predecessors(archives))] + [PRESENT]
        counts.append(len(tags))
        for tag in tags[:-1] if version else []:
            expected = git(clone, "show", f"{tag}:template/justfile.jinja")
            assert git(built, "show", f"{tag}:template/justfile.jinja") == expected
    assert counts == [2, 2, 3]


def test_an_archive_has_what_copier_reads_and_the_same_bytes_each_time(
    clone: Path, tmp_path: Path
) -> None:
    cut(clone, "0.1.0")
    path = clone / f"tests/releases/0.1.0{SUFFIX}"

    content = path.read_bytes()
    for file in clone.rglob("*"):
        file.touch()
    assert content == pack(clone)
    unpacked = unpack("0.1.0", tmp_path / "unpacked", path.parent)
    names = {
        each.relative_to(unpacked).as_posix() for each in unpacked.rglob("*") if each.is_file()
    }
    assert names == set(git(clone, "ls-files", *SOURCES).splitlines())
    assert {name.partition("/")[0] for name in names} == {*SOURCES}
    assert len(content) < 200_000


@pytest.mark.parametrize(
    ("version", "problem"),
    [
        ("0.1.0", "0.1.0 is not greater than 0.1.0: choose a greater version"),
        ("0.0.9", "0.0.9 is not greater than 0.1.0: choose a greater version"),
        ("0.2", "0.2 is not a version: write three numbers, such as 0.1.0"),
        ("v0.2.0", "v0.2.0 is not a version: write three numbers, such as 0.1.0"),
        ("0.02.0", "0.02.0 is not a version: write three numbers, such as 0.1.0"),
        ("0.2.0", "CHANGELOG.md has no news below Unreleased: write a heading and a list"),
    ],
)
def test_a_release_is_refused_with_a_reason(clone: Path, version: str, problem: str) -> None:
    cut(clone, "0.1.0")

    assert problem in [*release.problems(clone, version)]


def test_a_release_is_refused_with_changes_a_wrong_note_or_a_tag(clone: Path) -> None:
    (clone / notes.UNRELEASED).write_text('[[notes]]\nwhat = "New"\ndo = "Read."\n')
    git(clone, "tag", "v0.1.0")

    assert [each.partition(":")[0] for each in release.problems(clone, "0.1.0")] == [
        "the work tree has changes",
        "the tag v0.1.0 exists",
        notes.UNRELEASED,
    ]
    assert git(clone, "diff", "HEAD", "--stat") == ""


@pytest.mark.slow
def test_a_version_is_released_by_the_command(tmp_path: Path) -> None:
    clone = tmp_path / "clone"
    for name in git(ROOT, "ls-files", "--cached", "--others", "--exclude-standard").splitlines():
        if (ROOT / name).exists() and not name.startswith("tests/releases/"):
            (clone / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, clone / name)
    edit(clone / "maintenance/release.py", RULES, 'RULES = ["tests/test_hygiene.py"]')
    write_news(clone)
    commit(clone, "Begin")
    released = release.current(clone)
    following = "1000.1.0"

    refused = attempt(["just", "release", released], clone)
    output = run(["just", "release", following], clone, **AUTHOR)

    assert refused.returncode == 1
    assert f"release: {released} is not greater than {released}" in refused.stdout
    assert f"Released {following}. Push it with" in output
    assert git(clone, "describe", "HEAD") == f"v{following}\n"
    assert git(clone, "log", "-1", "--format=%s") == f"Release {following}\n"
    assert git(clone, "status", "--porcelain") == ""


def test_ten_is_greater_than_nine() -> None:
    assert number("0.10.0") > number("0.9.9")


def test_version_changelog_notes_and_archives_agree() -> None:
    listed = re.findall(r"^## \[(.*?)\]", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    released = versions()

    assert listed == ["Unreleased", *reversed(released)]
    assert release.current(ROOT) == (released or ["0.0.0"])[-1]
    assert {path.stem for path in (ROOT / notes.RELEASED).glob("*.toml")} == {*released}
    for path in ARCHIVES.glob("*"):
        assert path.name.endswith(SUFFIX)


def test_the_changelog_keeps_its_format() -> None:
    text = (ROOT / "CHANGELOG.md").read_text()
    kinds = {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}

    assert {*re.findall(r"^### (.*)$", text, re.MULTILINE)} <= kinds
    for heading in re.findall(r"^## (.*)$", text, re.MULTILINE):
        assert heading == "[Unreleased]" or re.fullmatch(
            r"\[\d+\.\d+\.\d+\] - \d{4}-\d\d-\d\d", heading
        )


def test_the_supported_versions_are_those_of_the_template() -> None:
    table = (ROOT / "docs/support.md").read_text()
    template = (ROOT / "template/pyproject.toml.jinja").read_text()
    pythons = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["requires-python"]

    for name in ("sqlalchemy", "alembic", "asyncpg"):
        [lowest] = re.findall(rf'"{name}(?:\[asyncio\])?>=(\d+\.\d+)', template)
        assert f" {lowest}" in table, name
    assert pythons.removeprefix(">=") in table
