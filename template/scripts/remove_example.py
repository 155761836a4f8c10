"""Remove the example: `uv run just remove-example`. With `--dry-run` it only shows its plan.

It deletes the files of the example, and itself. `remove_example.toml` names them. It removes the lines
that need these files from the project's other files, such as `pyproject.toml` and `.env.example`. The
plan shows these lines.

Your own work stays. A file of the example stays if its code changed after the commit that added it.
Comments and layout do not count. Lines of yours never change. The plan lists those that import or
name the example. It does not find `uow.users`, but `just check` does.

It needs a clean git work tree, so that `git restore .` can undo the removal.
"""

import argparse
import ast
import os
import re
import shutil
import subprocess
import tomllib
from collections.abc import Iterable, Iterator
from contextlib import suppress
from difflib import unified_diff
from pathlib import Path

MANIFEST = Path("scripts/remove_example.toml")
# A recipe whose one line runs a module, with the comment and the blank line above it.
RECIPE = r"(?m)(?:^\n)?(?:^#(?! Yours).*\n)?^([\w-]+)[^:=\n]*:\n[ \t].* -m ([\w.]+).*\n(?![ \t])"


def main() -> None:
    parser = argparse.ArgumentParser(prog="just remove-example", description="Remove the example.")
    parser.add_argument("--dry-run", action="store_true", help="show the plan, and change nothing")
    parser.add_argument("--delete-migration", action="store_true", help="delete its revision too")
    parser.add_argument("--force", action="store_true", help="delete edited files too")
    options = parser.parse_args()
    os.chdir(Path(__file__).resolve().parents[1])
    if not (options.force or options.dry_run) and git("status", "--porcelain", ".", ":!uv.lock"):
        raise SystemExit("remove-example: commit or stash your changes first.")
    try:
        removal = Removal(force=options.force, delete_migration=options.delete_migration)
    except (OSError, SyntaxError, ValueError) as error:
        raise SystemExit(f"remove-example: nothing was changed: {error}") from None
    removal.show()
    if options.dry_run:
        print("\nThis is only the plan. Nothing was changed.")
    else:
        removal.carry_out()


class Removal:
    """The changes. Nothing is written before the whole plan is known.

    Attributes:
        revision: the revision that creates the example's tables.
        folders: the modules of the example, by their directory.
        dependencies: what must be imported, so that a dependency of the example stays.
        kept: the files of the example that stay, because their code was edited.
        deleted: the files that are deleted.
        changed: the new text of the files that change.
        gone: the full names that can no longer be imported.
        recipes: the names of the recipes that are removed.
        tables: the tables of the models that are deleted.
        uses: the lines of other files that use deleted names.
    """

    def __init__(self, *, force: bool, delete_migration: bool) -> None:
        """Make the plan, and change nothing.

        Raises:
            SystemExit: git does not know the project.
            OSError, SyntaxError: a file is missing or not valid, before its change or after it.
            ValueError: another revision follows that of the example.
        """
        manifest = tomllib.loads(read(MANIFEST))
        self.revision = Path(manifest["revision"])
        self.folders = {Path(at): names.split() for at, names in manifest["delete"].items()}
        self.dependencies: dict[str, str] = manifest["dependencies"]
        stay = [Path(path) for path in manifest["stay"]]
        example = [at / f"{name}.py" for at, names in self.folders.items() for name in names]
        self.kept = [path for path in example if path.exists() and not force and edited(path)]
        self.deleted = {path for path in example if path.exists() and path not in self.kept}
        if Path("scripts/remove_example.py") in self.deleted:
            self.deleted.add(MANIFEST)
        for path in {folder / "__init__.py" for folder in self.folders} - {*stay}:
            if files(path.parent) - self.deleted == {path} and (force or not edited(path)):
                self.deleted.add(path)
        models = "\n".join(read(path) for path in self.deleted if path.parent.name == "models")
        self.classes = re.findall(r"^class (\w+)", models, re.MULTILINE)
        self.tables = sorted(re.findall(r'__tablename__ = "(\w+)"', models))
        self.gone = {module(path) for path in self.deleted}
        self.changed = {path: self.edit_module(path) for path in stay if path.exists()}
        self.recipes: list[str] = []
        self.changed[Path("justfile")] = re.sub(RECIPE, self.keep_recipe, read(Path("justfile")))
        self.changed[Path("pyproject.toml")] = self.edit_dependencies(read(Path("pyproject.toml")))
        self.changed[Path("README.md")] = self.edit_readme(read(Path("README.md")))
        for each in manifest.get("replace", []):
            if Path(each["with"]) in self.deleted:
                for path in filter(Path.exists, map(Path, each["files"])):
                    self.changed[path] = re.sub(each["pattern"], each["by"], read(path))
        self.uses = [*self.find_uses(), *self.find_mentions()]
        if delete_migration and self.revision.exists():
            self.deleted.add(self.revision)
            for path in self.revision.parent.glob("*.py"):
                if re.search(r"^down_revision\b.*\W0001\W", read(path), re.MULTILINE):
                    raise ValueError(f"{path} follows the first one: leave out --delete-migration")

    def edit_module(self, path: Path) -> str:
        """Return a module without imports of deleted names, and without the code that needs them.

        These are entries of lists, and attributes such as `self.users = UserRepository(…)`.
        """
        tree = ast.parse(read(path), path)
        names: set[object] = set()
        nodes: list[ast.alias | ast.expr | ast.stmt] = []
        for node in ast.walk(tree):
            if isinstance(node, ast.Import | ast.ImportFrom):
                lost = [alias for alias, name in imports(path, node).items() if self.is_gone(name)]
                names |= {alias.asname or alias.name for alias in lost}
                nodes += [node] if len(lost) == len(node.names) else lost
        for node in ast.walk(tree):
            match node:
                case ast.Assign([ast.Name("__all__")], value) | ast.AnnAssign(value=value):
                    for item in getattr(value, "elts", []):
                        name = ast.unparse(item).strip("'").partition(".")[0]
                        nodes += [item] if name in names else []
                case ast.Assign([ast.Attribute(ast.Name("self"))], ast.Call(ast.Name(name))):
                    nodes += [node] if name in names else []
        self.gone |= {f"{module(path)}.{name}" for name in names}
        text = cut(read(path), nodes)
        ast.parse(text, path)
        return text

    def keep_recipe(self, recipe: re.Match[str]) -> str:
        """Return a recipe, or nothing if it belongs to the example and runs a deleted module."""
        text, name, runs = recipe[0], recipe[1], recipe[2]
        if runs not in self.gone or not runs.endswith(name.replace("-", "_")):
            return text
        self.recipes.append(name)
        return ""

    def edit_dependencies(self, text: str) -> str:
        """Return pyproject.toml without the example's dependencies that no module imports."""
        names = [name for path, node in self.nodes() for name in imports(path, node).values()]
        for package, needed_by in self.dependencies.items():
            if not re.search(rf"\b({'|'.join(needed_by.split())})\b", " ".join(names)):
                text = re.sub(rf'^ *"{package}(?![\w-])[^"]*",(?: *#.*)?\n', "", text, flags=re.M)
        return text

    def edit_readme(self, text: str) -> str:
        """Return the README without its lines about the example."""
        empty = [at.as_posix() for at in self.folders if files(at) <= self.deleted]
        folders = "|".join(empty)
        for pattern in (
            r"^## Remove the example\n(?s:.*?)(?=^## |\Z)",
            rf"^uv run just (?:{'|'.join(self.recipes)}) .*\n",
            rf"^\| `(?:{folders})/` .*\n",
            rf"^`uv run just test (?:{folders})` .*\n",
            rf", as in `(?:{'|'.join(f'models/{path.name}' for path in self.deleted)})`",
        ):
            text = re.sub(pattern, "", text, flags=re.MULTILINE)
        return text.rstrip() + "\n"

    def nodes(self) -> Iterator[tuple[Path, ast.AST]]:
        """Yield the modules of the project as they will be."""
        for path in sorted({*Path().glob("[!.]*/**/*.py")} - self.deleted):
            with suppress(SyntaxError):
                text = self.changed.get(path) or path.read_bytes()
                yield from ((path, node) for node in ast.walk(ast.parse(text, path)))

    def find_uses(self) -> Iterator[str]:
        """Find imports of deleted names, and strings such as the one in `ForeignKey("users.id")`."""
        for path, node in self.nodes():
            used = any(self.is_gone(name) for name in imports(path, node).values())
            if isinstance(node, ast.Constant) and path.parts[0] == "src":
                head, dot, _ = str(node.value).partition(".")
                used = head in self.classes or (bool(dot) and head in self.tables)
            if used:
                yield f"{path}:{getattr(node, 'lineno', 0)}: {ast.unparse(node)}"

    def find_mentions(self) -> Iterator[str]:
        """Find deleted modules and recipes in other files: the justfile, CI, the Dockerfile."""
        files = [path for path in self.deleted if path.name != "__init__.py"]
        modules = "|".join(module(path).replace(".", "[./]") for path in files)
        recipes = "|".join(["remove-example", *self.recipes])
        named = rf"(?<![\w.])(?:{modules})\b|\bjust (?:{recipes})\b"
        needed = rf"^[\w-]+[^:=]*:[^=]*\b(?:{recipes})\b"  # another recipe calls it
        for path in sorted([*Path().glob("*"), *Path().glob(".github/**/*.yml")]):
            pattern = f"{named}|{needed}" if path.name == "justfile" else named
            if path.is_file():
                text = self.changed.get(path) or path.read_text("utf-8", "ignore")
                for number, line in enumerate(text.splitlines(), 1):
                    if re.search(pattern, line):
                        yield f"{path}:{number}: {line.strip()}"

    def is_gone(self, name: str) -> bool:
        """Return whether a full name, or its module, can no longer be imported."""
        return name in self.gone or name.rpartition(".")[0] in self.gone

    def show(self) -> None:
        """Print the plan."""
        differences: list[str] = []
        for path, text in self.changed.items():
            old, new = read(path).splitlines(), text.splitlines()
            differences += unified_diff(old, new, str(path), str(path), lineterm="", n=0)
        sections: dict[str, Iterable[object]] = {
            "Files of the example that are deleted:": sorted(self.deleted),
            "Lines that change:": differences,
            "Files of the example that stay, because you edited them (--force deletes them):": self.kept,
            "Lines that use what is deleted. Change them yourself:": self.uses,
        }
        for title, lines in sections.items():
            if lines:
                print(f"\n{title}\n", *lines, sep="\n  ")
        if self.tables and self.revision.exists() and self.revision not in self.deleted:
            print(f"\n{self.revision} stays, for databases that have its tables.")
            print("If no database has them, add --delete-migration.")

    def carry_out(self) -> None:
        """Do the changes, and print the next commands."""
        for path in self.deleted:
            path.unlink()
        for folder in self.folders:
            if folder.exists() and not files(folder):
                shutil.rmtree(folder)  # it has only __pycache__ now
        for path, text in self.changed.items():
            path.write_text(text, encoding="utf-8")
        print("\nThe example is gone. Next:\n")
        if self.tables and self.revision.exists():
            print(f'  uv run just revision "remove the example" {" ".join(self.tables)}')
        print("  uv run just fix check")


def edited(path: Path) -> bool:
    """Return whether the code changed since the commit that added the file."""
    commits = git("log", "-m", "--diff-filter=A", "--format=%h", "--", str(path)).split()
    if not commits:
        return True
    first = git("show", f"{commits[-1]}:./{path.as_posix()}")
    return ast.dump(ast.parse(first)) != ast.dump(ast.parse(read(path), path))


def git(*arguments: str) -> str:
    """Run git, and return its output."""
    try:
        return subprocess.run(["git", *arguments], capture_output=True, check=True).stdout.decode()
    except (OSError, subprocess.CalledProcessError) as error:
        raise SystemExit("remove-example: commit the project to git first.") from error


def files(folder: Path) -> set[Path]:
    """Return the files below a directory, without Python's caches."""
    return {path for path in folder.rglob("*") if path.is_file() and path.suffix != ".pyc"}


def read(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def module(path: Path) -> str:
    """Return the name by which a file or a directory is imported."""
    return ".".join(path.with_suffix("").parts).removeprefix("src.").removesuffix(".__init__")


def imports(path: Path, node: ast.AST) -> dict[ast.alias, str]:
    """Return the full names that a statement of a file imports, if it is an import."""
    match node:
        case ast.Import(names):
            return {alias: alias.name for alias in names}
        case ast.ImportFrom(base, names, level):
            package = module(path.parent).split(".")
            parts = [*(package[: len(package) + 1 - level] if level else []), *filter(None, [base])]
            return {alias: ".".join([*parts, alias.name]) for alias in names}
    return {}


def cut(text: str, nodes: list[ast.alias | ast.expr | ast.stmt]) -> str:
    """Return a source without some nodes, their commas, and lines that become empty."""
    lines = text.encode().splitlines(keepends=True)  # `ast` counts columns in bytes
    for node in sorted(nodes, key=lambda node: (node.lineno, node.col_offset), reverse=True):
        first, end = node.lineno - 1, node.end_lineno or node.lineno
        before, after = lines[first][: node.col_offset], lines[end - 1][node.end_col_offset :]
        if not before.strip() and re.fullmatch(rb",?\s*(#.*\s*)?", after):
            lines[first:end] = []
        elif after.startswith(b","):
            lines[first:end] = [before + after[1:].lstrip(b" ")]
        else:
            lines[first:end] = [before.rstrip(b", ") + after]
    return b"".join(lines).decode()


if __name__ == "__main__":
    main()
