"""The documents are true."""

import re
import tomllib
from pathlib import Path

import pytest

from maintenance import questions
from tests.helpers import QUESTIONS, ROOT, run

DOCUMENTS = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]


def test_the_table_of_the_questions_is_made_from_copier_yml() -> None:
    document = questions.DOCUMENT.read_text()
    assert questions.write(document, QUESTIONS) == document
    for name, question in QUESTIONS.items():
        [row] = re.findall(rf"^\| `{name}` \|.*$", document, re.MULTILINE)
        if isinstance(question.get("choices"), dict):
            for choice in question["choices"].values():
                assert f"`{choice}`" in row or choice == "github", (name, choice)


def test_a_changed_default_and_a_new_question_are_written_into_the_table() -> None:
    changed = {
        "first": {"default": False, "help": "Do you want it?"},
        "second": {"default": "no", "help": "Which one?", "ask": False},
    }
    document = "# A\n\n| `second` | yes | `old` | the prose |\n| `gone` | no | no | text |\n\nB\n"

    assert questions.write(document, changed) == (
        "# A\n\n| `first` | yes | no | Do you want it? |\n| `second` | no | `no` | the prose |\n\nB\n"
    )


def test_the_documents_say_how_many_questions_are_asked() -> None:
    asked = sum(question.get("ask", True) for question in QUESTIONS.values())
    number = ["no", "one", "two", "three", "four", "five", "six", "seven", "eight"][asked]

    assert f"{number} questions" in (ROOT / "README.md").read_text()
    assert f"Copier asks {number} questions." in (ROOT / "docs/questions.md").read_text()


def test_what_is_decided_once_is_documented_as_such() -> None:
    document = (ROOT / "docs/questions.md").read_text()
    for name, question in QUESTIONS.items():
        once = "Decided once" in question.get("validator", "")
        row = re.search(rf"^\| `{name}` \|.*$", document, re.MULTILINE)
        assert row is not None
        assert ("**decided once**" in row[0]) == once, name


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_inside_the_repository_are_valid(document: Path) -> None:
    for target in re.findall(r"\]\(([^)]+)\)", document.read_text()):
        if target.startswith("https://"):
            continue
        name, _, anchor = target.partition("#")
        path = (document.parent / name).resolve() if name else document
        assert path.exists(), target
        if anchor:
            headings = re.findall(r"^#+ (.*)$", path.read_text(), re.MULTILINE)
            assert anchor in {heading.lower().replace(" ", "-") for heading in headings}, target


def test_links_inside_a_rendered_project_are_valid(project: Path) -> None:
    targets = re.findall(r"\]\(([^)]+)\)", (project / "README.md").read_text())

    assert targets
    for target in targets:
        assert target.startswith("https://") or (project / target).exists(), target


def test_the_lock_has_the_dependencies_of_the_project_and_names_no_index() -> None:
    lock = (ROOT / "requirements.lock").read_text()
    groups = tomllib.loads((ROOT / "pyproject.toml").read_text())["dependency-groups"]
    for requirement in groups["dev"]:
        [name] = re.findall(r"^[\w-]+", requirement)
        assert re.search(rf"^{name}==", lock, re.MULTILINE), name
    assert "://" not in lock


def test_the_readme_has_two_commands_for_a_fresh_machine_and_ci_runs_the_second() -> None:
    blocks = re.findall(r"```sh\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    demo, tests = [block.rstrip("\n") for block in blocks if block.startswith("python3")]
    found = run(["sh", "-c", "grep -x 'python3 -m pip install .* just test' README.md"], ROOT)

    assert demo.endswith("just demo")
    assert '--vcs-ref HEAD "$PWD" ../shop' in demo
    assert tests.endswith("just test")
    assert "\n" not in demo + tests
    assert "://" not in demo + tests  # a clone may be hosted anywhere
    assert found.rstrip("\n") == tests
    assert "grep -x 'python3 -m pip install .* just test' README.md" in read(".ci/run")
    assert "REQUIRE=all" in read(".ci/run")
    assert "- run: .ci/run" in read(".github/workflows/ci.yml")


# Figures of the README, and the documents that have the measurements.
FIGURES = [
    ("A new project takes 0.9 s", "docs/performance.md", "| ours | 80.65 | 930 ms |"),
    ("15 ms at most for a new index", "docs/migrations.md", "| new index | 1,074 | 15 |"),
    ("takes 1,074 ms", "docs/migrations.md", "| new index | 1,074 | 15 |"),
    ("50,000 rows take 0.15 s", "docs/performance.md", "| ours, insert_rows | 1.48 | 149 ms |"),
    (
        "2.8 s with advanced",
        "docs/performance.md",
        "| advanced-alchemy, add_many | 27.18 | 2.82 s |",
    ),
    ("upsert takes 0.36 s", "docs/performance.md", "| ours, upsert_rows | 1.46 | 362 ms |"),
    ("and 10.5 s", "docs/performance.md", "| advanced-alchemy, upsert_many | 42.02 | 10.5 s |"),
    ("takes 0.7 ms", "docs/performance.md", "| ours | 3.59 | 739 µs |"),
    ("OFFSET takes 61 ms", "docs/performance.md", "| ORM, OFFSET | 302.66 | 61.1 ms |"),
    ("need 5 MiB", "docs/performance.md", "| ours, stream | 3.14 | 2.29 s | 4% | 4.9 MiB |"),
    (
        "needs 900 MiB",
        "docs/performance.md",
        "| session.scalars().all() | 9.00 | 6.8 s | 2% | 899.6 MiB |",
    ),
]


@pytest.mark.parametrize(("words", "document", "row"), FIGURES)
def test_the_readmes_figures_were_measured(words: str, document: str, row: str) -> None:
    assert words in read("README.md")
    assert row in read(document)


# The contestants of a row of the comparison, in the order of its columns.
COMPARED = {
    "get": ("advanced-alchemy", "ours", "session.get"),
    "tasks": ("advanced-alchemy", "ours", "async_sessionmaker"),
    "page at 0 %": ("advanced-alchemy, two queries", "ours", "ORM, OFFSET"),
    "page at 99 %": ("advanced-alchemy, two queries", "ours", "ORM, OFFSET"),
    "insert 50,000": (
        "advanced-alchemy, add_many",
        "ours, insert_rows",
        "session.execute(insert, rows)",
    ),
    "upsert 50,000": (
        "advanced-alchemy, upsert_many",
        "ours, upsert_rows",
        "session.execute(insert, rows)",
    ),
    "stream 500,000": ("advanced-alchemy, get_many", "ours, stream", "session.scalars().all()"),
}


@pytest.mark.parametrize("work", COMPARED)
def test_the_comparison_has_the_figures_of_the_measurement(work: str) -> None:
    measured: dict[tuple[str, str], str] = {}
    table = read("docs/performance.md").partition("## Figures")[2].partition("## ")[0]
    measure = ""
    for name, contestant, ratio in re.findall(r"^\| (.*?) ?\| (.*?) \| (\S+) \|", table, re.M):
        measure = name or measure
        measured[measure, contestant] = ratio
    [row] = re.findall(rf"^\| {work} \| (.*) \|$", read("docs/comparison.md"), re.M)

    assert row.split(" | ") == [measured[work, each] for each in COMPARED[work]]


@pytest.mark.parametrize(
    "row", ["new index", "new foreign key", "new UNIQUE", "new NOT NULL column, default per row"]
)
def test_the_comparison_has_the_waits_of_the_writers(row: str) -> None:
    table = read("docs/migrations.md").partition("| change | plain | here |")[2]
    line = re.findall(rf"^\| {row} \|.*$", table, re.M)[0]

    assert line in read("docs/comparison.md")


def test_the_comparison_has_the_findings_of_the_linters() -> None:
    rows = re.findall(
        r"^\|.*\| (\d+) \| (\d+) \| (\d+) \| (\d+) \|$", read("docs/migrations.md"), re.M
    )
    gate, squawk, lockcheck, guard = (sum(map(int, column)) for column in zip(*rows, strict=True))

    for name, number in [
        ("the gate of a project", gate),
        ("squawk", squawk),
        ("lockcheck", lockcheck),
        ("alembic-guard", guard),
    ]:
        assert re.search(rf"^\| {name}.* \| {number} \|$", read("docs/comparison.md"), re.M), name


def test_the_readme_fits_on_a_screen() -> None:
    assert len(read("README.md").splitlines()) <= 60


def read(name: str) -> str:
    return (ROOT / name).read_text()


def test_the_justfile_lists_each_recipe_with_what_it_does() -> None:
    listed = run(["just"], ROOT)

    recipes = re.findall(r"^([a-z-]+)[^:=\n]*:(?!=)", read("justfile"), re.MULTILINE)
    for recipe in set(recipes) - {"default"}:
        assert re.search(rf"^    {recipe}\b.*# \w", listed, re.MULTILINE), recipe


def test_no_file_names_a_machine_or_an_index() -> None:
    words = re.compile(r"/root/|/work/|/home/\w+/|pypi\.org|pythonhosted|npmjs|debian\.org")
    for name in run(["git", "ls-files"], ROOT).splitlines():
        path = ROOT / name
        if path.name != Path(__file__).name and path.suffix != ".xz":
            assert not words.search(path.read_text()), name


def test_the_tests_that_notice_planted_faults_exist() -> None:
    text = (ROOT / "docs/planted-faults.md").read_text()
    named = re.findall(r"`([\w/]+\.py)::(\w+)`", text)

    assert len(named) > 100
    for file, test in {*named}:
        paths = [ROOT / "tests" / file, ROOT / "tests/proofs" / file]
        paths += (ROOT / "template/tests").glob(f"{file}*")
        texts = [path.read_text() for path in paths if path.exists()]
        assert any(f"def {test}(" in each for each in texts), (file, test)
    [planted, noticed, closed] = re.findall(
        r"(\d+) faults were planted.*?noticed (\d+) .*?other (\d+),", text, re.DOTALL
    )[0]
    rows = re.findall(r"^\| \d+ \|.*$", text, re.MULTILINE)
    new = [row for row in rows if "**new**" in row]
    assert (len(rows), len(rows) - len(new), len(new)) == (int(planted), int(noticed), int(closed))
