# Two commands matter: `make book` and `make test`. Both set up .venv by themselves; running one twice does nothing twice.
PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready
RUN := $(BIN)/python -m
INSTALL := --requirement requirements.txt --constraint constraints.txt

.DEFAULT_GOAL := help
.PHONY: help setup book serve lab test lint types unit notebooks pages system address test-colab test-twice bench clean

help:  ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

setup: $(READY)  ## make .venv and install the tested versions into it

$(READY): requirements.txt constraints.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info[:2] not in {(3, 11), (3, 12), (3, 13)})' \
		|| { echo "Python 3.11, 3.12 or 3.13 is needed; $(PYTHON) is $$($(PYTHON) --version 2>&1). Try: make PYTHON=python3.12 book"; exit 1; }
	@echo "Setting up .venv (about a minute, once) ..."
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check uv 2>/dev/null \
		&& $(BIN)/uv pip install --quiet --python $(BIN)/python $(INSTALL) \
		|| $(BIN)/python -m pip install --quiet --disable-pip-version-check $(INSTALL)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --editable .
	@touch $@

book: $(READY)  ## execute every notebook that changed, build the pages, print the file to open
	@$(RUN) book.build --quick
	@$(RUN) book.run
	@$(RUN) book.build

serve: book  ## build, then serve the pages on http://localhost:8000 until Ctrl-C
	@$(BIN)/python -m http.server 8000 --bind 127.0.0.1 --directory build/html

lab: $(READY)  ## open the notebooks in JupyterLab
	@$(BIN)/jupyter lab chapters

test: $(READY) lint types notebooks unit  ## all that CI runs: lint, types, every notebook, the pages, every test

lint: $(READY)
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .

types: $(READY)
	@$(BIN)/mypy

notebooks: $(READY)  # pytest --nbmake over every notebook, once per change, then the pages from that very run
	@$(RUN) book.run
	@$(RUN) book.build

unit: notebooks
	@$(RUN) pytest -n 2 --dist loadfile

pages: notebooks
	@$(RUN) pytest -m pages

system:  ## install what the tests of the pages need (Debian, Ubuntu: chromium, ffmpeg)
	@book/system.sh

address:  ## write the repository's address (file ADDRESS) wherever it must stand
	@$(RUN) book.address

test-colab: $(READY)  ## run every notebook with Colab's versions, from the built wheel, outside the checkout
	@$(RUN) book.colab

test-twice: $(READY)  ## run every notebook twice and compare the sounds and numbers
	@$(RUN) book.run --twice

bench: $(READY)  ## run the benchmarks, one after the other
	@for file in benchmarks/*.py; do echo "== $$file"; $(BIN)/python $$file; done

clean:  ## remove what was built (not .venv, not the data home)
	@rm -rf build dist .pytest_cache .mypy_cache .ruff_cache
