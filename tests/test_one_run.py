"""One run feeds tests and pages: what makes a notebook stale, what makes it fail, and how pages come out of it.

Each test works on a small book of its own in a temporary folder.
"""

import json
import re
import shutil
import threading
import weakref

import pytest
import yaml
from bs4 import BeautifulSoup

from book import build as book_build
from book import keys, media, notebooks, run
from book.paths import ROOT, Project

pytestmark = pytest.mark.filterwarnings("ignore::PendingDeprecationWarning")  # the builder's own


def code(text, *tags, **metadata):
    return {
        "cell_type": "code",
        "execution_count": None,
        "id": f"c{abs(hash(text)) % 10**8}",
        "metadata": {"tags": list(tags), **metadata},
        "outputs": [],
        "source": text,
    }


def text(markdown):
    return {"cell_type": "markdown", "id": f"m{abs(hash(markdown)) % 10**8}", "metadata": {}, "source": markdown}


def notebook(*cells):
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    return {"cells": list(cells), "metadata": {"kernelspec": kernel}, "nbformat": 4, "nbformat_minor": 5}


@pytest.fixture
def project(tmp_path):
    """A book with one page of text and two notebooks, a package of a few modules, and data."""
    files = {
        "_toc.yml": "format: jb-book\nroot: intro\nchapters:\n- file: chapters/one\n- file: chapters/deeper/two\n",
        "intro.md": "# Intro\n",
        "audiogen_helpers/__init__.py": '_SUBMODULES = ("units", "audio", "datasets", "deep")\n',
        "audiogen_helpers/units.py": "from audiogen_helpers import _checks\n",
        "audiogen_helpers/_checks.py": "",
        "audiogen_helpers/_files.py": "def bundled_dir(): ...\n",
        "audiogen_helpers/audio.py": "def f():\n    from audiogen_helpers import units\n",
        "audiogen_helpers/datasets/__init__.py": "from .loading import load\n",
        "audiogen_helpers/datasets/loading.py": "from audiogen_helpers._files import bundled_dir\ndef load(): bundled_dir()\n",
        "audiogen_helpers/deep/__init__.py": "def __getattr__(name): ...\n",
        "audiogen_helpers/deep/flow.py": "",
        "audiogen_helpers/models.py": 'TARGET = "audiogen_helpers.deep.flow:Flow"\n',
        "data/digits/card.json": "{}",
        "constraints.txt": "numpy==2\n",
    }
    for name, content in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(content)
    book = Project(root=tmp_path, build=tmp_path / "build")
    put(book, "chapters/one", text("# One"), code("import math\nprint(math.pi)"))
    put(book, "chapters/deeper/two", text("# Two"), code("print(2)"))
    return book


def put(project, page, *cells):
    path = project.root / f"{page}.ipynb"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(notebook(*cells)))


def reached(project, source):
    return {path.relative_to(project.root / "audiogen_helpers").as_posix() for path in keys.modules(project, source)}


def test_pages_come_in_the_order_of_the_table_of_contents(project):
    assert project.pages() == ["intro", "chapters/one", "chapters/deeper/two"]
    assert project.notebooks() == ["chapters/one", "chapters/deeper/two"]


def test_pages_of_a_nested_table_of_contents(project):
    toc = {"format": "jb-book", "root": "intro", "parts": [{"caption": "P", "chapters": [{"file": "a", "sections": [{"file": "b"}]}]}]}
    (project.root / "_toc.yml").write_text(yaml.safe_dump(toc))
    assert project.pages() == ["intro", "a", "b"]
    with pytest.raises(FileNotFoundError, match=r"a\.ipynb"):
        project.source("a")


@pytest.mark.parametrize(
    ("source", "files"),
    [
        ("import numpy", set()),
        ("from audiogen_helpers import units", {"__init__.py", "units.py", "_checks.py"}),
        ("import audiogen_helpers.units as u", {"__init__.py", "units.py", "_checks.py"}),
        ("from audiogen_helpers.audio import f", {"__init__.py", "audio.py", "units.py", "_checks.py"}),  # an import inside a function
        ("import audiogen_helpers as ag\nag.units.x", {"__init__.py", "units.py", "_checks.py"}),  # loaded on first use
        ("from audiogen_helpers.datasets import load", {"__init__.py", "datasets/__init__.py", "datasets/loading.py", "_files.py"}),
        ("from audiogen_helpers import models", {"__init__.py", "models.py", "deep/__init__.py", "deep/flow.py"}),  # a registry's target
        ("from audiogen_helpers import deep", {"__init__.py", "deep/__init__.py", "deep/flow.py"}),  # a lazy subpackage
    ],
)
def test_modules_that_a_notebook_reaches(project, source, files):
    assert reached(project, source) == files


def test_modules_of_the_real_package():
    real = Project()
    found = reached(real, "from audiogen_helpers.display import play")
    assert {"__init__.py", "display/__init__.py", "display/players.py", "_validation.py", "errors.py"} <= found
    assert not any(name.startswith(("deep/", "datasets/", "workflow", "cli")) for name in found)


def change(project, name, content):
    path = project.root / name
    path.write_text(content)


CHANGES = {
    "text": lambda p: put(p, "chapters/one", text("# Another title"), text("more"), code(SOURCE)),
    "code": lambda p: put(p, "chapters/one", text("# One"), code(SOURCE + "\n1")),
    "tag": lambda p: put(p, "chapters/one", text("# One"), code(SOURCE, "hide-input")),
    "set-up cell": lambda p: put(p, "chapters/one", code("pass", "remove-cell"), text("# One"), code(SOURCE)),
    "module": lambda p: change(p, "audiogen_helpers/units.py", "x = 1\nfrom audiogen_helpers import _checks\n"),
    "module below": lambda p: change(p, "audiogen_helpers/_checks.py", "x = 1\n"),
    "other module": lambda p: change(p, "audiogen_helpers/deep/flow.py", "x = 1\n"),
    "data": lambda p: change(p, "data/digits/card.json", "[]"),
    "versions": lambda p: change(p, "constraints.txt", "numpy==3\n"),
}
SOURCE = "from audiogen_helpers import units"


@pytest.mark.parametrize(
    ("what", "stale"),
    [
        ("text", False),
        ("code", True),
        ("tag", True),
        ("set-up cell", False),
        ("module", True),
        ("module below", True),
        ("other module", False),
        ("data", False),
        ("versions", True),
    ],
)
def test_what_makes_a_notebook_stale(project, what, stale):
    put(project, "chapters/one", text("# One"), code(SOURCE))
    before = keys.key(project, "chapters/one")
    assert keys.key(project, "chapters/one") == before
    CHANGES[what](project)
    assert (keys.key(project, "chapters/one") != before) == stale


@pytest.mark.parametrize("change", ["content", "new file", "renamed"])
def test_data_counts_where_a_module_reads_it(project, change):
    put(project, "chapters/one", code("from audiogen_helpers.datasets import load"))
    before = keys.key(project, "chapters/one")
    card = project.root / "data/digits/card.json"
    if change == "content":
        card.write_text("[]")
    elif change == "new file":
        (project.root / "data/digits/x.flac").write_bytes(b"x")
    else:
        card.rename(card.with_name("other.json"))
    assert keys.key(project, "chapters/one") != before


def executed(capsys):
    return re.findall(r"\[\d+/\d+\] (\S+) \.\.\.", capsys.readouterr().out)


@pytest.mark.slow
def test_run_executes_what_is_stale_and_nothing_else(project, capsys):
    put(project, "chapters/three", code("print(3)"))
    with open(project.root / "_toc.yml", "a") as toc:
        toc.write("- file: chapters/three\n")
    assert run.run(project) == []
    assert executed(capsys) == ["chapters/one", "chapters/deeper/two", "chapters/three"]
    assert run.run(project) == []
    assert executed(capsys) == []
    put(project, "chapters/one", text("# Other words"), code("import math\nprint(math.pi)"))
    put(project, "chapters/deeper/two", text("# Two"), code("print(22)"))
    run.cached(project, "chapters/three").write_text("{")  # a damaged result counts as none
    assert run.run(project) == []
    assert executed(capsys) == ["chapters/deeper/two", "chapters/three"]
    result = notebooks.read(run.cached(project, "chapters/deeper/two"))
    assert "".join(result["cells"][1]["outputs"][0]["text"]) == "22\n"
    assert notebooks.read(project.source("chapters/one"))["cells"][1]["outputs"] == []  # the source is not touched


@pytest.mark.slow
def test_failing_notebooks_say_where_and_the_others_run(project, capsys, monkeypatch):
    monkeypatch.setenv("AUDIOGEN_DATA", "public")
    environment = "import os\nassert os.environ['AUDIOGEN_DATA'] == 'bundled'\nassert os.environ['TF_CPP_MIN_LOG_LEVEL'] == '3'"
    put(project, "chapters/one", text("# One"), code("x = 1"), code("def f():\n    return 1 / 0\nf()"))
    put(project, "chapters/deeper/two", code("import sys\nprint('careful', file=sys.stderr)"))
    put(project, "chapters/three", code(environment))
    with open(project.root / "_toc.yml", "a") as toc:
        toc.write("- file: chapters/three\n")
    failures = run.run(project)
    assert [failure.page for failure in failures] == ["chapters/one", "chapters/deeper/two"]
    shown = capsys.readouterr().out
    assert "chapters/one.ipynb, cell 3: ZeroDivisionError: division by zero" in shown
    assert re.search(r"return.+1.+/.+0", shown)
    assert "chapters/deeper/two.ipynb, cell 1 writes to stderr: careful" in shown
    assert "[3/3] chapters/three ... ok" in shown
    assert [run.cached(project, page) is None for page in project.notebooks()] == [True, True, False]


def output(html=None, stderr=None, image=None):
    if stderr:
        return {"output_type": "stream", "name": "stderr", "text": [stderr]}
    data = {"text/html": [html]} if html else {"image/png": image}
    return {"output_type": "display_data", "metadata": {}, "data": data}


@pytest.mark.parametrize(
    ("source", "outputs", "problem"),
    [
        ("x = 1", [], None),
        ("x = 1", [output(stderr="Warning!")], "cell 1 writes to stderr: Warning!"),
        ("play(y)", [output("<audio></audio>")], None),
        ("play(y)", [], "shows no player"),
        ("play(y)\nx = 1", [], "shows no player"),
        ("for y in ys:\n    display.compare(y)", [output("<p>")], "shows no player"),
        ("def show(y):\n    return play(y)", [], None),
        ("%time play(y)", [], None),
        ("plt.plot(y)", [output(image="iVBOR")], "shows a picture by itself"),
    ],
)
def test_problems_of_an_executed_notebook(source, outputs, problem):
    found = notebooks.problems(notebook({**code(source), "outputs": outputs}))
    assert bool(found) == (problem is not None)
    assert problem is None or problem in found[0]


def test_running_twice_finds_chance_but_not_time(project, capsys, monkeypatch):
    words = iter(["trained in 3.2 s, 0:03, 12.5 it/s: loss 0.5", "trained in 10 s, 1:13, 2 it/s: loss 0.5", "loss 0.51"])

    def executed(project, pages):
        for page in pages:
            ran = notebooks.read(project.source(page))
            ran["cells"][1]["outputs"] = [{"output_type": "stream", "name": "stdout", "text": next(words)}]
            yield page, ran

    monkeypatch.setattr(run, "_executed", executed)
    assert run.twice(project, ["chapters/one"]) == []
    assert [failure.page for failure in run.twice(project, ["chapters/one"])] == ["chapters/one"]
    assert "chapters/one.ipynb, code cell 1 differs: import math" in capsys.readouterr().out


def test_two_runs_differ_where_a_sound_does():
    first, second = (notebook({**code("play(y)"), "outputs": [output(f'<audio src="{data}">')]}) for data in ("a", "b"))
    assert notebooks.differences(first, first) == []
    assert notebooks.differences(first, second) == ["code cell 1 differs: play(y)"]


def test_outputs_join_the_words_of_today():
    ran = notebook(text("old"), {**code("a"), "outputs": [1], "execution_count": 1}, {**code("b"), "outputs": [2], "execution_count": 2})
    now = notebook(code("a"), text("new"), code("b"), text("end"))
    joined = notebooks.join(now, ran)
    assert [cell.get("outputs", notebooks.source(cell)) for cell in joined["cells"]] == [[1], "new", [2], "end"]
    assert now["cells"][0]["outputs"] == []


def test_a_line_that_was_written_over_is_shown_once():
    def printed(*texts):
        return [{"output_type": "stream", "name": "stdout", "text": words} for words in texts]

    ran = notebook({**code("x"), "outputs": [*printed("a\nstep 1\r", ["step 2\r", "step 3\nb\r\n"]), output("<p>"), *printed("c\rd")]})
    outputs = notebooks.settle(ran)["cells"][0]["outputs"]
    assert [item.get("text") for item in outputs] == ["a\nstep 3\nb\n", None, "d"]


def test_large_sounds_and_pictures_become_files(tmp_path):
    import base64

    large, small = bytes(range(256)) * 40, b"small"
    html = "".join(f'<audio src="data:audio/flac;base64,{base64.b64encode(data).decode()}">' for data in (large, small, large))
    ran = notebook({**code("x"), "outputs": [output(html)]})
    result, names = media.extract(ran, folder=tmp_path / "m", address="../m")
    assert len(names) == 1
    (file,) = (tmp_path / "m").iterdir()
    assert file.read_bytes() == large
    assert file.name in names
    page = result["cells"][0]["outputs"][0]["data"]["text/html"]
    assert page.count(f'src="../m/{file.name}"') == 2
    assert page.count("data:audio/flac") == 1
    assert ran["cells"][0]["outputs"][0]["data"]["text/html"] == [html]


# --- the pages of a small book ------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def small_book(tmp_path_factory):
    """A book that uses every form, built once."""
    root = tmp_path_factory.mktemp("book")
    shutil.copy(ROOT / "_config.yml", root)
    (root / "_toc.yml").write_text("format: jb-book\nroot: intro\nchapters:\n- file: chapters/one\n- file: chapters/two\n- file: words\n")
    (root / "references.bib").write_text("")
    (root / "intro.md").write_text("# Intro\n\n[One](chapters/one.ipynb), [a word](words.md#sample-rate), [a book](words.md#who1999)\n")
    (root / "words.md").write_text('# Words\n\n## Sample rate\n\nText.\n\n<a id="who1999"></a>Who (1999). What.\n')
    book = Project(root=root, build=root / "build")
    cells = [
        code("secret_set_up = 1", "remove-cell", cellView="form"),
        text("# One\n\n> **You will** hear,\n> and *see*.\n> Runs in about 1 s. Needs: [two](two.ipynb)."),
        code("P()"),
        text("$$ a = b \\tag{1} $$\n\n$$\\begin{aligned} a &= b \\\\ c &= d \\end{aligned} \\tag{2}$$"),
        text("> An ordinary quote.\n\n## Exercise: try\n\nDo it. See [two](two.ipynb#a-heading)."),
        code("#@title Solution (open me)\nprint('solved')", "hide-cell", cellView="form"),
        text("> **Keep:** this.\n> **Read:** that."),
    ]
    put(book, "chapters/one", *cells)
    put(book, "chapters/two", text("# Two\n\n## A heading\n\nText."), code("print(2)"))
    shown = {"P()": [output("<audio></audio>")], "#@title": [{"output_type": "stream", "name": "stdout", "text": "solved"}]}
    for name in book.notebooks():  # results as a run leaves them
        ran = notebooks.read(book.source(name))
        for cell in notebooks.code_cells(ran):
            cell["outputs"] = next((items for start, items in shown.items() if cell["source"].startswith(start)), [])
        notebooks.write(book.cache / f"{name}.{keys.key(book, name)}.ipynb", ran)
    thing = threading.Event()
    gone = weakref.proxy(thing)  # the process holds a proxy of what is no more, as it does where numba was used
    del thing
    assert book_build.build(book) == 0
    del gone
    return book


def page(project, name):
    return BeautifulSoup((project.build / "html" / name).read_text(), "html.parser")


@pytest.mark.slow
def test_plain_markdown_becomes_boxes(small_book):
    one = page(small_book, "chapters/one.html")
    goals, quote, keep = one.find_all("blockquote")
    assert (goals["class"], quote.get("class"), keep["class"]) == (["ag-goals"], None, ["ag-keep"])
    assert [" ".join(p.get_text().split()) for p in goals.find_all("p")] == ["You will hear, and see.", "Runs in about 1 s. Needs: two."]
    assert [p.get_text().strip() for p in keep.find_all("p")] == ["Keep: this.", "Read: that."]
    exercise = one.find("section", class_="ag-exercise")
    assert exercise.find(["h2"]).get_text().startswith("Exercise: try")
    assert "Solution (open me)" in exercise.find("details").find("summary").get_text()
    assert "solved" in exercise.get_text()
    assert "#@title" not in one.get_text()
    assert exercise.find("blockquote") is None  # the summary stands after the exercise, not in it
    assert "secret_set_up" not in one.get_text()


@pytest.mark.slow
def test_links_lead_somewhere(small_book):
    intro = page(small_book, "intro.html")
    links = {a.get_text(): a["href"] for a in intro.find("article").find_all("a", class_="reference")}
    assert links == {"One": "chapters/one.html", "a word": "words.html#sample-rate", "a book": "words.html#who1999"}
    words = page(small_book, "words.html")
    assert words.find(id="sample-rate") and words.find(id="who1999")
    assert page(small_book, "chapters/one.html").find(class_="ag-exercise").find("a", string="two")["href"] == "two.html#a-heading"


@pytest.mark.slow
def test_equations_keep_their_numbers(small_book):
    first, second = (math.get_text() for math in page(small_book, "chapters/one.html").find_all("div", class_="math"))
    assert r"\tag{1}" in first
    assert r"\begin{split}" not in second
    assert second.index(r"\end{aligned}") < second.index(r"\tag{2}") < second.index(r"\end{equation}")


@pytest.mark.slow
def test_what_the_pages_do_not_hold(small_book):
    html = small_book.build / "html"
    assert not list(html.rglob("*.map"))
    assert "thebe" not in (html / "chapters/one.html").read_text().lower()
    downloaded = notebooks.read(html / "_sources/chapters/one.ipynb")
    assert downloaded == notebooks.read(small_book.source("chapters/one"))
    assert (html / "_static/mathjax/tex-mml-chtml.js").is_file()


@pytest.mark.slow
def test_building_again(small_book, capsys, monkeypatch):
    def build(**options):
        result = book_build.build(small_book, **options)
        captured = capsys.readouterr()
        return result, captured.out + captured.err

    assert build() == (0, f"pages: unchanged; open {small_book.build}/html/index.html\n")
    assert "there already" in build(quick=True)[1]

    lost = small_book.build / "html/chapters/one.html"
    lost.unlink()
    assert build()[0] == 0
    assert lost.is_file()

    source = small_book.root / "words.md"
    words = source.read_text()
    source.write_text(words + "\n[nowhere](intro.md#nowhere)\n")
    for _ in range(2):  # the second time nothing changed, and still it is wrong
        result, shown = build()
        assert result == 1
        assert "nowhere" in shown
    assert not book_build.up_to_date(small_book)
    source.write_text(words)
    assert build()[0] == 0
    assert book_build.up_to_date(small_book)

    source.write_text(words.replace("Text.", "Other text."))
    result, shown = build()
    assert (result, "building what changed" in shown) == (0, True)
    assert "Other text." in (small_book.build / "html/words.html").read_text()

    source.write_text(words)
    with monkeypatch.context() as patch:
        patch.setattr(book_build, "_sphinx", lambda *args, **options: 1 / 0)  # as if it were killed
        with pytest.raises(ZeroDivisionError):
            build()
    assert not book_build.up_to_date(small_book)
    result, shown = build()
    assert (result, "building all" in shown) == (0, True)

    put(small_book, "chapters/two", text("# Two\n\n## A heading"), code("print(22)"))
    result, shown = build()
    assert result == 1
    assert "not executed yet, or failing: chapters/two" in shown


@pytest.mark.slow
def test_a_first_readable_book_before_anything_has_run(small_book, tmp_path, capsys):
    for name in ("_config.yml", "_toc.yml", "references.bib", "intro.md", "words.md"):
        shutil.copy(small_book.root / name, tmp_path)
    shutil.copytree(small_book.root / "chapters", tmp_path / "chapters")
    fresh = Project(root=tmp_path, build=tmp_path / "build")
    assert book_build.build(fresh, quick=True) == 0
    assert "2 notebooks without outputs so far" in capsys.readouterr().out
    assert page(fresh, "chapters/one.html").find("h1")
    assert not book_build.up_to_date(fresh)
    assert book_build.build(fresh) == 1  # the whole book needs the run
