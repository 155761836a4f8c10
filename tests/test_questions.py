"""Copier refuses bad answers with a clear sentence, and good answers render valid files."""

import ast
import keyword
import shutil
import sys
import tempfile
import tomllib
from pathlib import Path
from typing import Any

import copier
import pytest
import yaml
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from tests.helpers import CONFIG, QUESTIONS, ROOT, Render, render_project
from tests.proofs.support.sampling import PART

DERIVED = [name for name in CONFIG if name[0] != "_" and name not in QUESTIONS]

BAD_ANSWERS = [
    ("project_name", "", "Write a name"),
    ("project_name", " Shop", "without a space at either end"),
    ("project_name", "Shop\nDrop", "only letters, digits"),
    ("project_name", 'Shop "the best"', "only letters, digits"),
    ("project_name", "Shop\\", "only letters, digits"),
    ("project_name", "{{ secret }}", "only letters, digits"),
    ("project_name", "{% raw %}", "only letters, digits"),
    ("project_name", "<script>", "only letters, digits"),
    ("project_name", "Sh\u202eop", "only letters, digits"),
    ("project_name", "x" * 61, "at most 60"),
    ("package_name", "", "only letters a-z"),
    ("package_name", "Shop", "only letters a-z"),
    ("package_name", "my-shop", "only letters a-z"),
    ("package_name", "1shop", "only letters a-z"),
    ("package_name", "shop_", "only letters a-z"),
    ("package_name", "shop\n", "only letters a-z"),
    ("package_name", "café", "only letters a-z"),
    ("package_name", "../shop", "only letters a-z"),
    ("package_name", "class", "uses this name"),
    ("package_name", "json", "uses this name"),
    ("package_name", "sqlalchemy", "uses this name"),
    ("package_name", "tests", "uses this name"),
    ("package_name", "rust_just", "uses this name"),
    ("package_name", "x" * 31, "at most 30"),
    ("description", "", "Write a sentence"),
    ("description", "two\nlines", "one line"),
    ("description", 'say "hi"', "Write none of"),
    ("description", "back\\slash", "Write none of"),
    ("description", "{{ 7 * 7 }}", "Write none of"),
    ("description", "# heading", "begins with a letter"),
    ("description", "x" * 121, "at most 120"),
    ("user_name", "Ada, Grace", "Write none of"),
    ("user_name", 'Ada "the Countess"', "Write none of"),
    ("user_name", "Ada\tLovelace", "one line"),
    ("user_name", "x" * 61, "at most 60"),
    ("user_email", "ada", "such as ada@example.com"),
    ("user_email", "ada@", "such as ada@example.com"),
    ("user_email", "ada@example", "such as ada@example.com"),
    ("user_email", "ada@example.com\n", "such as ada@example.com"),
    ("user_email", "ada lovelace@example.com", "such as ada@example.com"),
    ("user_email", "ada..l@example.com", "such as ada@example.com"),
    ("license", "GPL", "Invalid choice"),
    ("python_version", "3.10", "Invalid choice"),
    ("primary_key", "serial", "Invalid choice"),
    ("ci", "jenkins", "Invalid choice"),
    ("bot", "snyk", "Invalid choice"),
    ("example_options", "django", "Decided once"),
    ("audit", "events", "Invalid choice"),
    ("web_framework", "django", "Invalid choice"),
    ("ejected", "src/shop/db/unit_of_work/retry.py", "a list of paths"),
    ("ejected", ["../outside.py"], "cannot be taken over"),
    ("ejected", ["./justfile"], "cannot be taken over"),
    ("ejected", ["/etc/passwd"], "cannot be taken over"),
    ("ejected", ["a/../../b.py"], "cannot be taken over"),
    ("ejected", [".copier-answers.yml"], "cannot be taken over"),
    ("ejected", [3], "cannot be taken over"),
]


@pytest.mark.parametrize(("question", "answer", "sentence"), BAD_ANSWERS)
def test_a_bad_answer_is_refused_with_one_sentence(
    render: Render, tmp_path: Path, question: str, answer: Any, sentence: str
) -> None:
    with pytest.raises(ValueError, match=sentence) as refusal:
        render(tmp_path / "project", **{question: answer})

    assert "\n" not in str(refusal.value)
    assert not (tmp_path / "project").exists()
    if QUESTIONS[question]["type"] == "str" and "choices" not in QUESTIONS[question]:
        # A terminal of 80 columns cuts the rest.
        said = str(refusal.value).partition(": ")[2].strip()
        assert sentence in said[:79]


GOOD_ANSWERS = [
    ("project_name", "Café 3000"),
    ("project_name", "日本"),
    ("package_name", "a"),
    ("package_name", "shop_2_go"),
    ("description", "It's 100 % café & crème: fast, small, yours."),
    ("user_name", "Jean-Luc O'Neill Jr."),
    ("user_name", "Müller & Söhne"),
    ("user_email", "ada+shop@mail.example.co.uk"),
    ("ejected", ["src/shop/db/unit_of_work/retry.py", ".github/workflows/ci.yml"]),
]


@pytest.mark.parametrize(("question", "answer"), GOOD_ANSWERS)
def test_a_good_answer_is_accepted_and_kept(
    text_template: Path, tmp_path: Path, question: str, answer: Any
) -> None:
    project = render_project(text_template, tmp_path / "project", **{question: answer})

    assert read_answers(project)[question] == answer


@pytest.mark.parametrize("value", ["x", "", 0, False, [], None])
@pytest.mark.parametrize("name", DERIVED)
def test_a_derived_value_cannot_be_given(
    template: Path, tmp_path: Path, name: str, value: object
) -> None:
    refusal = "Do not give it|Could not convert|Invalid answer"  # Copier itself refuses some types
    with pytest.raises(ValueError if value is not None else Exception, match=refusal):
        copier.run_copy(str(template), tmp_path / "shop", data={name: value}, defaults=True)

    assert not (tmp_path / "shop").exists()


def test_every_question_has_a_help_and_a_default() -> None:
    for name, question in QUESTIONS.items():
        assert question["help"].rstrip()[-1] in "?.", name
        assert "default" in question, name


def test_questions_fit_on_a_line_of_a_terminal() -> None:
    for name, question in QUESTIONS.items():
        assert len(question["help"]) <= 75, name


def test_at_most_eight_questions_are_asked() -> None:
    asked = [name for name, question in QUESTIONS.items() if question.get("ask", True)]

    assert len(asked) <= 8


def test_reserved_names_cover_python_and_the_projects_own_directories() -> None:
    reserved = set(CONFIG["reserved_names"]["default"])
    modules = {name for name in sys.stdlib_module_names if name.islower() and name[0] != "_"}
    keywords = {word.lower() for word in keyword.kwlist}
    directories = {path.name for path in (ROOT / "template").iterdir() if path.is_dir()}

    assert modules | keywords | (directories - {".agents", ".github"}) <= reserved


@pytest.mark.parametrize(
    ("folder", "package"),
    [
        ("my-shop", "my_shop"),
        ("My Shop", "my_shop"),
        ("2024", "app_2024"),
        ("tests", "app_tests"),
        ("日本", "app"),
        ("x" * 80, "x" * 30),
        ("_", "app"),
    ],
)
def test_the_package_is_named_after_the_folder(
    text_template: Path, tmp_path: Path, folder: str, package: str
) -> None:
    project = render_project(text_template, tmp_path / folder)

    assert read_answers(project)["package_name"] == package


# Letters of all scripts, and characters that may break a string of TOML, YAML, Markdown or Python.
hostile = st.text(
    st.one_of(
        st.characters(categories=["L", "N", "M", "P", "S", "Z", "C"]),
        st.sampled_from("'\"\\`{}%#$&*_-.:;,<>[]()@!|?~ \t\r\n\x00\x1b\u2028\u200b\ufeff"),
    ),
    max_size=70,
)
plausible = st.from_regex(r"[\w][\w .'&-]{0,40}", fullmatch=True)
texts = st.one_of(plausible, hostile)
package_names = st.one_of(st.from_regex(r"[a-z][a-z0-9_]{0,29}", fullmatch=True), hostile)
emails = st.one_of(st.just(""), st.emails(), hostile)


@pytest.mark.slow
@pytest.mark.proof
@settings(max_examples=1000 // PART, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_every_accepted_answer_renders_valid_files(
    text_template: Path, data: st.DataObject
) -> None:
    strategies: dict[str, st.SearchStrategy[Any]] = {
        "project_name": texts,
        "description": texts,
        "user_name": texts,
        "user_email": emails,
        "package_name": package_names,
        "license": st.sampled_from(["proprietary", "MIT", "Apache-2.0", "BSD-3-Clause"]),
    }
    names = data.draw(st.sets(st.sampled_from(sorted(strategies)), min_size=1, max_size=3))
    answers = {name: data.draw(strategies[name], label=name) for name in sorted(names)}
    with tempfile.TemporaryDirectory() as directory:
        project = Path(directory, "shop")
        try:
            render_project(text_template, project, **answers)
        except ValueError as refusal:
            sentence = str(refusal)
        else:
            event("accepted")
            check_texts(project, read_answers(project) | answers)
            return
        event("refused")
        assert sentence.startswith("Validation error")
        assert "\n" not in sentence


def check_texts(project: Path, answers: dict[str, Any]) -> None:
    """Check that each file parses, and has the answers."""
    assert read_answers(project).items() >= answers.items()

    metadata = tomllib.loads((project / "pyproject.toml").read_text())["project"]
    assert metadata["description"] == answers["description"]
    [author] = metadata.get("authors", [{}])
    assert author.get("name", "") == answers["user_name"]
    assert author.get("email", "") == answers["user_email"]

    package = project / "src" / answers["package_name"]
    module = ast.parse((package / "__init__.py").read_text())
    assert ast.get_docstring(module) == answers["description"]
    ast.parse((project / "tests/db/fixtures.py").read_text())

    heading, text = MarkdownIt().parse((project / "README.md").read_text())[1:6:3]
    assert heading.content == answers["project_name"]
    assert text.content == answers["description"]

    for name in ["compose.yaml", ".github/workflows/ci.yml"]:
        assert yaml.safe_load((project / name).read_text())
    if answers["license"] != "proprietary":
        assert (project / "LICENSE").read_text()


def read_answers(project: Path) -> dict[str, Any]:
    answers: dict[str, Any] = yaml.safe_load((project / ".copier-answers.yml").read_text())
    return answers


@pytest.fixture(scope="session")
def text_template(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The template without the files that contain no answer. It renders in a tenth of the time."""
    copy = tmp_path_factory.mktemp("texts") / "template"
    shutil.copytree(template, copy)
    texts = ("project_name", "description", "user_", "copyright", "package_name", "answers")
    kept = {".yml", ".yaml"}
    for path in [path for path in (copy / "template").rglob("*") if path.is_file()]:
        text = path.read_text()
        rendered = path.suffix == ".jinja" and any(name in text for name in texts)
        if not rendered and path.suffix not in kept and path.name != "LICENSE.jinja":
            path.unlink()
    for path in sorted((copy / "template").rglob("*"), reverse=True):
        if path.is_dir() and not any(path.iterdir()):
            path.rmdir()
    return copy
