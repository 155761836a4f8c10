# `just` lists the commands. They expect the tools of requirements.lock, see CONTRIBUTING.md.

# Python keeps what it has compiled. This takes a third of the time of the fast tests.
export PYTHONDONTWRITEBYTECODE := ""

[private]
default:
    @just --list --unsorted

# run this before a commit
check: format lint types test

# check the format
format:
    ruff format --check tests benchmarks maintenance

# find likely mistakes
lint:
    ruff check tests benchmarks maintenance

# check the types
types:
    mypy

# run the fast tests: `just test -k update`; with REQUIRE=all a missing part is an error
test *args="-n 2 --dist worksteal":
    pytest -m "not slow" {{ args }}

# run the other tests, and a twentieth of the long proofs
slow *args="-n 2 --dist worksteal":
    pytest -m slow {{ args }}

# run the proofs with their full counts: `just proofs -k option`
proofs *args="-n 2":
    PROOFS=full pytest -m proof {{ args }}

# compare the rendered layer with its peers: `just bench --only get,page --json FILE`
bench *args:
    python -m benchmarks {{ args }}

# find changes of db/ that its proofs do not notice: `just mutate paging/page`; slow
mutate *args:
    python -m tests.mutants {{ args }}

# format, correct simple mistakes, and write the table of docs/questions.md
fix:
    ruff check --fix tests benchmarks maintenance
    ruff format tests benchmarks maintenance
    python -m maintenance.questions

# render a project into a new directory, and commit it there: `just render --data audit=triggers`
render *args:
    #!/bin/sh
    set -eu
    project=$(mktemp -d)/shop
    copier copy --quiet --defaults --vcs-ref HEAD {{ args }} "$PWD" "$project"
    cd "$project"
    git init --quiet
    git add --all
    git -c user.name=just -c user.email= commit --quiet --message "Render the project"
    git tag template
    echo "$project"

# bring the changes of a rendered project back into the template: `just port "$project"`
port project:
    python -m maintenance.port "{{ project }}"

# build the documents as a website in site/; a warning is an error
site:
    zensical build --strict --clean

# draw the pictures of the documents again, from a rendered project
pictures:
    python -m maintenance.pictures

# release a version: checks, writes, commits and tags; `just release 0.1.0`
release version:
    python -m maintenance.release "{{ version }}"

# renew requirements.lock
lock:
    uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate --upgrade --group dev --group site --output-file requirements.lock
