"""The prose of this repository is plain English: short sentences, without the refused phrases.

CONTRIBUTING.md has the rule with examples, and `phrases.toml` the phrases.
"""

import re
import tomllib
from collections import Counter
from pathlib import Path

import pytest

from tests.helpers import ROOT, run
from tests.prose import Sentence, prose, words

LONGEST = 30

PHRASES = {
    re.compile(rf"(?<!\w)(?:{phrase})(?!\w)", re.IGNORECASE): instead
    for group in tomllib.loads((ROOT / "tests/phrases.toml").read_text()).values()
    for phrase, instead in group.items()
}

# Files that are not read, and why.
NOT_READ = {
    "LICENSE": "a licence",
    "licenses": "licences",
    "template/LICENSE.jinja": "a licence",
    "requirements.lock": "a lock file",
    "tests/releases": "archives",
    "tests/test_language.py": "its examples have the refused phrases",
}


def read(root: Path) -> list[Sentence]:
    """Return the sentences of all files that git knows in a directory."""
    names = run(["git", "ls-files", "-z"], root).split("\0")[:-1]
    return [
        sentence
        for name in names
        if NOT_READ.keys().isdisjoint({name, *map(str, Path(name).parents)})
        and (root / name).exists()
        for sentence in prose(root / name)
    ]


@pytest.fixture(scope="module")
def sentences() -> list[Sentence]:
    return read(ROOT)


def refused(sentence: Sentence) -> list[str]:
    """Return what is wrong with a sentence, and what to write instead."""
    found = [
        f'"{match[0]}": write {instead}'
        for phrase, instead in PHRASES.items()
        if sentence.kind != "heading" and (match := phrase.search(sentence.text))
    ]
    if sentence.kind != "cell" and (count := words(sentence.text)) > LONGEST:
        found.append(f"{count} words: write sentences of at most {LONGEST}")
    return found


def test_no_sentence_is_long_or_has_a_refused_phrase(
    sentences: list[Sentence],
) -> None:
    problems = [
        f"{sentence.path.relative_to(ROOT)}:{sentence.line}: {problem}\n    {sentence.text}"
        for sentence in sentences
        for problem in refused(sentence)
    ]

    assert not problems, "\n" + "\n".join(problems)


def test_every_kind_of_prose_is_read(sentences: list[Sentence]) -> None:
    read = Counter(sentence.kind for sentence in sentences)

    assert read.keys() == {"docstring", "comment", "message", "document", "heading", "cell"}
    assert min(read.values()) > 50


EXAMPLES = {
    "shop.py": (
        '"""It is begun anew."""\n\n# Whoever waits\n# waits in vain.\nx = 1  # noqa: X  # at once\n',
        ["1 anew", "3 Whoever", "3 in vain", "5 at once"],
    ),
    "shop.py.jinja": ('raise ValueError(f"{{ x }} {1}: whatever it is")\n', ["1 whatever"]),
    "shop.md": ("# What is it\n\nIn the end\nit is. It is\nupon it.\n", ["3 In the end", "4 upon"]),
    "shop.toml": ("a = 1 # mend it\n\n# It is of\n# its own.\n", ["1 mend", "3 of its own"]),
    "justfile": ('x:\n    echo "anew"\n', ["2 anew"]),
    "copier.yml": (
        "x:\n  help: Shall it?\n  validator: >-\n    {% if x %}\n    It is upon it.\n    {% endif %}\n",
        ["2 Shall", "3 upon"],
    ),
}


@pytest.mark.parametrize("name", EXAMPLES)
def test_a_phrase_is_found_with_the_line_of_its_sentence(tmp_path: Path, name: str) -> None:
    text, phrases = EXAMPLES[name]
    (tmp_path / name).write_text(text)

    found = [
        f"{sentence.line} {problem.split(chr(34))[1]}"
        for sentence in prose(tmp_path / name)
        for problem in refused(sentence)
    ]

    assert sorted(found) == phrases


def test_code_and_tables_and_sql_are_not_read_as_sentences(tmp_path: Path) -> None:
    many = "word " * 31
    (tmp_path / "shop.py").write_text(
        f'"""A manual::\n\n    {many}\n\n| {many} |\n\n==== ====\na    {many}\n==== ====\n'
        f'b    {many}\n==== ====\n\nIt ends. `{many}`\n"""\nx = "SELECT {many}"\n'
    )
    (tmp_path / "shop.md").write_text(f"```\n{many}\n```\n\n| {many} |\n")

    assert not any(refused(each) for path in tmp_path.iterdir() for each in prose(path))


def test_a_long_sentence_is_refused_although_it_has_several_lines(tmp_path: Path) -> None:
    half = "word " * 15
    (tmp_path / "shop.py").write_text(f'"""Args:\n    x: {half}\n        {half}.\n"""\n')

    [sentence] = prose(tmp_path / "shop.py")

    assert refused(sentence) == ["31 words: write sentences of at most 30"]
