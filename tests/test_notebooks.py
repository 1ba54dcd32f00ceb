"""Notebooks as they are committed: clean, readable in the book, in JupyterLab and in Colab, in the form that all share."""

import ast
import re
from pathlib import Path

import pytest

from book import address, bibliography, first_cell, notebooks, tidy
from book.paths import ROOT, Project

FILES = sorted(path for path in (ROOT / "chapters").rglob("*.ipynb") if ".ipynb_checkpoints" not in path.parts)
LONGEST_CELL = 25  # lines
every_notebook = pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(ROOT / "chapters").as_posix())

# What MyST understands and Colab shows as it stands. Code in the text is taken out first.
MYST = {
    "directive": r"^\s*(`{3,}|:{3,}|~{3,})\{",
    "colon fence": r"^\s*:{3,}",
    "role": r"\{[a-zA-Z][\w:+.-]*\}`",
    "target": r"^\([\w.-]+\)=\s*$",
    "comment or block break": r"^(%|\+\+\+)",
    "substitution": r"\{\{.*?\}\}",
    "attributes": r"\{[.#][\w-]+[^}]*\}",
    "footnote": r"\[\^[\w-]+\]",
    "definition list": r"^:\s+\S",
    "link without words": r"(?<!!)\[\]\(",
    "labelled equation": r"\$\$\s*\([\w:.-]+\)",
    "project link": r"<(project|path|inv|myst):",
    "picture without words": r"!\[\s*\]",
}


def words(cell):
    """A text cell without code: fenced blocks, code spans and equations hold braces and backslashes of their own."""
    text = re.sub(r"^(`{3,}|~{3,})(?!\{)[^\n]*\n.*?^\1\s*$", "", notebooks.source(cell), flags=re.MULTILINE | re.DOTALL)
    text = re.sub(r"(?<!`)(?<!\})(`+)(?!`).+?(?<!`)\1(?!`)", "", text)
    return re.sub(r"(?<!\$)\$(?!\$)[^$\n]+\$(?!\$)|\$\$.+?\$\$", "$$", text, flags=re.DOTALL)


def texts(notebook):
    return [cell for cell in notebook["cells"] if cell["cell_type"] == "markdown"]


def test_there_are_notebooks():
    assert FILES


def test_every_notebook_is_in_the_table_of_contents():
    project = Project()
    assert {project.source(page) for page in project.notebooks()} == set(FILES)


@every_notebook
def test_notebook_is_tidy(path):
    """First cell, kernel, metadata, folding of solutions; the tests below say the most important of it once more."""
    notebook = notebooks.read(path)
    assert tidy.tidy(notebook, address=address.read()) == notebook, f"run: python -m book.tidy {path.relative_to(ROOT)}"


def test_tidying_takes_away_a_run_and_nothing_else():
    ran = {
        "cells": [
            {"cell_type": "markdown", "id": "a", "metadata": {"slideshow": 1}, "source": "# A\n\ntext"},
            {
                "cell_type": "code",
                "id": "b",
                "metadata": {"tags": ["hide-cell"], "execution": {}},
                "source": ["x\n", "y"],
                "outputs": [1],
                "execution_count": 7,
            },
        ],
        "metadata": {"kernelspec": {"name": "venv"}, "widgets": {}},
        "nbformat": 4,
        "nbformat_minor": 4,
    }
    tidied = tidy.tidy(ran, address=address.read())
    assert tidied["cells"][0] == first_cell.cell(address.read())
    assert [notebooks.source(cell) for cell in tidied["cells"][1:]] == ["# A\n\ntext", "x\ny"]
    assert tidied["cells"][2]["outputs"] == []
    assert tidied["cells"][2]["metadata"] == {"cellView": "form", "jupyter": {"source_hidden": True}, "tags": ["hide-cell"]}
    assert tidied["metadata"]["kernelspec"]["name"] == "python3"
    assert tidy.tidy(tidied, address=address.read()) == tidied


@every_notebook
def test_no_outputs(path):
    for cell in notebooks.code_cells(notebooks.read(path)):
        assert cell["outputs"] == [], notebooks.source(cell)
        assert cell["execution_count"] is None
        assert not {"execution", "ExecuteTime"} & set(cell["metadata"])


@every_notebook
def test_first_cell_is_the_same_everywhere(path):
    assert notebooks.read(path)["cells"][0] == first_cell.cell(address.read())


@every_notebook
def test_kernel_and_cells(path):
    notebook = notebooks.read(path)
    assert notebook["metadata"]["kernelspec"] == {"display_name": "Python 3", "language": "python", "name": "python3"}
    assert set(notebook["metadata"]) <= {"kernelspec", "language_info"}
    assert notebook["metadata"].get("language_info", {"name": "python"}) == {"name": "python"}
    assert (notebook["nbformat"], notebook["nbformat_minor"]) == (4, 5)
    names = [cell["id"] for cell in notebook["cells"]]
    assert len(set(names)) == len(names)
    assert all(notebooks.source(cell).strip() for cell in notebook["cells"]), "an empty cell"


@every_notebook
def test_code_cells_are_short(path):
    for cell in notebooks.code_cells(notebooks.read(path)):
        assert len(notebooks.source(cell).splitlines()) <= LONGEST_CELL, notebooks.source(cell)


@every_notebook
def test_no_markdown_that_colab_shows_raw(path):
    for cell in texts(notebooks.read(path)):
        for name, pattern in MYST.items():
            # roles and directives are code to `words`: look for them in the whole text
            text = notebooks.source(cell) if name in {"directive", "role", "labelled equation"} else words(cell)
            found = re.search(pattern, text, flags=re.MULTILINE)
            assert found is None, f"{name}: {found[0]!r} in {notebooks.source(cell)[:200]}"


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("```{note}\nHello\n```", "directive"),
        (":::{note}\nHello\n:::", "directive"),
        ("see {cite}`risset1969`", "role"),
        ("see {doc}`x`", "role"),
        ("(target)=\n# Title", "target"),
        ("% a comment", "comment or block break"),
        ("a {{ word }}", "substitution"),
        ("text[^1]", "footnote"),
        ("[](other.md)", "link without words"),
        ("$$ a $$ (label)", "labelled equation"),
        ("[span]{.class}", "attributes"),
        ("![](x.png)", "picture without words"),
        ("Term\n: what it is", "definition list"),
    ],
)
def test_the_patterns_find_what_they_should(text, name):
    cell = {"source": text}
    searched = text if name in {"directive", "role", "labelled equation"} else words(cell)
    assert re.search(MYST[name], searched, flags=re.MULTILINE)


@pytest.mark.parametrize(
    "text",
    [
        "$x_{a}$ and $$\\frac{1}{2} \\tag{1}$$",
        "`{cite}` in code, `a[^1]`",
        "```python\nx = {#a}\n% y\n```",
        "**Keep:** [a](b.md#c), 50 % of it",
    ],
)
def test_the_patterns_leave_plain_markdown_alone(text):
    for name, pattern in MYST.items():
        searched = text if name in {"directive", "role", "labelled equation"} else words({"source": text})
        assert name == "role" or not re.search(pattern, searched, flags=re.MULTILINE), name


@every_notebook
def test_every_picture_goes_through_display(path):
    for cell in notebooks.code_cells(notebooks.read(path)):
        for node in ast.walk(ast.parse(notebooks.python(notebooks.source(cell)))):
            if isinstance(node, ast.Call):
                name = ast.unparse(node.func)
                assert not name.endswith((".show", ".savefig")), f"{name} in {notebooks.source(cell)}"
                assert name not in {"Audio", "display.Audio", "IPython.display.Audio"}, "use display.play"


@every_notebook
def test_form_of_a_chapter(path):
    cells = notebooks.read(path)["cells"]
    first, *rest = texts({"cells": cells})
    assert re.match(r"# \S", notebooks.source(first))
    assert sum(len(re.findall(r"^# ", words(cell), flags=re.MULTILINE)) for cell in [first, *rest]) == 1
    everything = "\n\n".join(notebooks.source(cell) for cell in [first, *rest])
    goals = re.findall(r"^> \*\*You will\*\* .*(?:\n> .*)*", everything, flags=re.MULTILINE)
    assert len(goals) == 1
    assert re.search(r"Runs in about \d+ s\b", goals[0]), "the goals state the run time on two cores"
    assert re.search(r"^> \*\*Keep:\*\* ", everything, flags=re.MULTILINE)
    assert re.search(r"^#{2,4} Exercise: ", everything, flags=re.MULTILINE)


@every_notebook
def test_every_exercise_has_a_solution_that_runs_and_is_folded(path):
    cells = notebooks.read(path)["cells"]
    open_exercise = None
    for cell in cells:
        source = notebooks.source(cell)
        if cell["cell_type"] == "markdown":
            for heading in re.findall(r"^#{1,4} .*$", source, flags=re.MULTILINE):
                assert open_exercise is None, f"no solution: {open_exercise}"
                open_exercise = heading if "Exercise:" in heading else None
        elif "hide-cell" in notebooks.tags(cell):
            assert source.startswith("#@title "), source
            assert cell["metadata"]["cellView"] == "form"  # folded in Colab
            assert cell["metadata"]["jupyter"]["source_hidden"]  # folded in JupyterLab
            assert not {"skip-execution", "raises-exception"} & set(notebooks.tags(cell))
            if source.startswith("#@title Solution"):
                open_exercise = None
    assert open_exercise is None, f"no solution: {open_exercise}"


@every_notebook
def test_links_lead_to_files_and_anchors(path):
    for cell in texts(notebooks.read(path)):
        for target in re.findall(r"(?<!!)\[[^\]]+\]\(([^)\s]+)\)", words(cell)):
            if re.match(r"(https?|mailto):", target):
                continue
            name, _, anchor = target.partition("#")
            file = (path.parent / name).resolve() if name else path
            assert file.is_file(), target
            if anchor and file.suffix == ".md":
                assert anchor in anchors_of(file), target


def anchors_of(file: Path):
    """Headings (as MyST and GitHub name them) and explicit anchors of a page."""
    text = file.read_text(encoding="utf8")
    headings = re.findall(r"^#+ (.+)$", text, flags=re.MULTILINE)
    slugs = {re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-") for heading in headings}
    return slugs | set(re.findall(r'<a id="([^"]+)">', text))


def test_bibliography_is_that_of_its_source():
    project = Project()
    assert (project.root / "bibliography.md").read_text(encoding="utf8") == bibliography.text(project), "run: python -m book.bibliography"


def test_bibliography_writes_names_titles_and_links(tmp_path):
    (tmp_path / "references.bib").write_text(
        "@article{griffin1984, author={Griffin, Daniel and Lim, Jae}, title={Signal estimation from {STFT}}, journal={IEEE Trans.}, "
        "volume={32}, number={2}, pages={236--243}, year={1984}, doi={10.1/x}}\n"
        '@misc{anon, author={{ITU-R}}, title={Loudness, d\\"ummy}, year={2015}, url={https://example.org/a_b}}\n'
    )
    text = bibliography.text(Project(root=tmp_path))
    assert (
        '<a id="griffin1984"></a>Griffin, D. & Lim, J. (1984). [Signal estimation from STFT](https://doi.org/10.1/x). '
        "IEEE Trans. 32(2), 236–243.\n" in text
    )
    assert '<a id="anon"></a>ITU-R (2015). [Loudness, dümmy](https://example.org/a_b).\n' in text
    (tmp_path / "references.bib").write_text("@misc{Bad_Key, title={x}}")
    with pytest.raises(ValueError, match="Bad_Key"):
        bibliography.text(Project(root=tmp_path))


def test_glossary_is_in_order_and_links_to_itself():
    file = ROOT / "glossary.md"
    text = file.read_text(encoding="utf8")
    terms = re.findall(r"^## (.+)$", text, flags=re.MULTILINE)
    assert terms == sorted(terms, key=str.lower)
    assert len(set(terms)) == len(terms)
    assert set(re.findall(r"\]\(#([^)]+)\)", text)) <= anchors_of(file)
