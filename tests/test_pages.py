"""The built book, in a browser: nothing from elsewhere, no errors, every sound plays, every link leads somewhere.

Run `make notebooks` first. Outside CI these tests are skipped where there is no browser or the pages are not those of the
present sources; in CI both are failures.
"""

import contextlib
import functools
import http.server
import os
import posixpath
import shutil
import threading
from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit

import pytest
from bs4 import BeautifulSoup

from book import address
from book.build import up_to_date
from book.paths import Project

PROJECT = Project()
HTML = PROJECT.build / "html"
LARGEST_PAGE = 200_000  # bytes of a page's own HTML
DESKTOP = {"width": 1280, "height": 900}
PHONE = {"width": 390, "height": 844}
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--autoplay-policy=no-user-gesture-required",
]
PAGES = [*(f"{page}.html" for page in PROJECT.pages()), "search.html"]
every_page = pytest.mark.parametrize("page", PAGES)
pytestmark = pytest.mark.pages

# Plays each player without sound until its clock moves; returns what is wrong with it, or nothing.
PLAY = """async () => {
  const happens = (event, what, act) => new Promise((done, fail) => {
    setTimeout(() => fail(`${what} in 30 s`), 30000);
    event.forEach(([target, name, good]) => target.addEventListener(name, () => good() && done()));
    act();
  });
  const wrong = [];
  for (const audio of document.querySelectorAll('audio')) {
    const name = audio.getAttribute('aria-label');
    try {
      if (audio.readyState < 1) await happens([[audio, 'loadedmetadata', () => true]], 'does not load', () => audio.load());
      const declared = parseFloat(audio.dataset.seconds);
      if (!(Math.abs(audio.duration - declared) < 0.02)) wrong.push(`${name}: ${audio.duration} s instead of ${declared} s`);
      audio.muted = true;
      const moved = () => audio.currentTime > 0 || audio.played.length > 0;
      const moves = [[audio, 'timeupdate', moved], [audio, 'ended', moved], [audio, 'pause', moved]];
      await happens(moves, 'does not play', () => audio.play());
      audio.pause();
    } catch (error) { wrong.push(`${name}: ${error}`); }
  }
  return wrong;
}"""
PICTURES = """async () => {
  const all = [...document.querySelectorAll('img')];
  all.forEach((image) => { image.loading = 'eager'; });
  await Promise.all(all.map((image) => image.decode().catch(() => null)));
  return all.map((image) => ({alt: image.getAttribute('alt'), src: image.currentSrc, width: image.naturalWidth}));
}"""
EQUATIONS = """async () => {
  if (window.MathJax?.startup?.promise) await MathJax.startup.promise;
  const wrong = 'mjx-merror, mjx-container [style*="color: red"]';  // MathJax shows a command that it does not know in red
  return {set: document.querySelectorAll('.math mjx-container').length, wrong: document.querySelectorAll(wrong).length};
}"""
EXPLORER = """(root) => ({
  sound: root.querySelector('audio').src, picture: root.querySelector('img').src, alt: root.querySelector('img').alt,
})"""
TOO_WIDE = """() => [...document.querySelectorAll('.bd-article *')]
  .filter((e) => e.getBoundingClientRect().right > innerWidth + 1 && !e.closest('pre, .math, .output, table'))
  .map((e) => e.outerHTML.slice(0, 120))"""


def stop(reason):
    """Fail in CI, skip elsewhere."""
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.fixture(scope="module", autouse=True)
def _pages_are_current():
    if not up_to_date(PROJECT):
        stop("build/html does not hold the pages of the present sources: run make notebooks")


class QuietServer(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *args):
        pass


@pytest.fixture(scope="module")
def site():
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(QuietServer, directory=str(HTML))) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


@pytest.fixture(scope="module")
def browser():
    program = next(filter(None, map(shutil.which, BROWSERS)), None)
    if program is None:
        stop(f"no browser found, looked for {', '.join(BROWSERS)}: run make system")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=program, args=FLAGS)
        yield chromium
        chromium.close()


CUT_OFF = """() => [...document.querySelectorAll('.bd-article div.math')]
  .map((box, i) => [i + 1, box.getBoundingClientRect().left, box.querySelector('mjx-container')?.getBoundingClientRect().left])
  .filter(([i, box, inner]) => inner < box - 1)"""


@dataclass
class Visit:
    """What a page asked for and complained about, and what was found in it."""

    elsewhere: list = field(default_factory=list)
    errors: list = field(default_factory=list)
    missing: list = field(default_factory=list)
    players: int = 0
    silent: list = field(default_factory=list)
    pictures: list = field(default_factory=list)
    equations: dict = field(default_factory=dict)
    phone_width: int = 0
    too_wide: list = field(default_factory=list)
    cut_off: list = field(default_factory=list)


@contextlib.contextmanager
def open_page(browser, site, page, *, color_scheme="light"):
    visit = Visit()
    context = browser.new_context(viewport=DESKTOP, color_scheme=color_scheme)
    tab = context.new_page()
    tab.on("request", lambda request: None if request.url.startswith((site, "data:", "blob:")) else visit.elsewhere.append(request.url))
    tab.on("console", lambda message: visit.errors.append(message.text) if message.type in ("error", "warning") else None)
    tab.on("pageerror", lambda error: visit.errors.append(str(error)))
    tab.on("response", lambda response: visit.missing.append(response.url) if response.status >= 400 else None)
    tab.on(
        "requestfailed",
        lambda request: visit.missing.append(f"{request.url}: {request.failure}") if "ERR_ABORTED" not in str(request.failure) else None,
    )
    tab.goto(site + page)
    tab.wait_for_load_state("networkidle")
    yield tab, visit
    context.close()


@pytest.fixture(scope="module")
def visit(browser, site):
    """One visit for each page, at a desk and then on a phone."""

    @functools.cache
    def visit_page(page):
        with open_page(browser, site, page) as (tab, visit):
            visit.players = tab.evaluate("document.querySelectorAll('audio').length")
            visit.silent = tab.evaluate(PLAY)
            visit.pictures = tab.evaluate(PICTURES)
            visit.equations = tab.evaluate(EQUATIONS)
            tab.set_viewport_size(PHONE)
            tab.wait_for_timeout(100)
            visit.phone_width = tab.evaluate("document.documentElement.scrollWidth")
            visit.too_wide = tab.evaluate(TOO_WIDE)
            visit.cut_off = tab.evaluate(CUT_OFF)
        return visit

    return visit_page


@every_page
def test_page_is_quiet_and_asks_no_other_host(visit, page):
    seen = visit(page)
    assert seen.elsewhere == []
    assert seen.errors == []
    assert seen.missing == []


@every_page
def test_every_player_has_its_length_and_plays(visit, page):
    expected = soup(page).find_all("audio")
    assert all(float(player["data-seconds"]) > 0 and player["aria-label"] for player in expected)
    assert visit(page).players == len(expected)
    assert visit(page).silent == []


@every_page
def test_pictures_load_and_have_words(visit, page):
    for picture in visit(page).pictures:
        assert picture["width"] > 0, picture
        assert picture["alt"], picture


@every_page
def test_page_fits_a_phone(visit, page):
    assert visit(page).too_wide == []
    assert visit(page).phone_width <= PHONE["width"]


@every_page
def test_equations_are_set(visit, page):
    assert visit(page).equations.get("set", 0) == len(soup(page).select(".math"))
    assert visit(page).equations.get("wrong", 0) == 0


@every_page
def test_a_wide_equation_scrolls_from_its_beginning_on_a_phone(visit, page):
    assert visit(page).cut_off == []


def explorers(page):
    return len(soup(page).select("[data-ag-explore]"))


@pytest.mark.parametrize("page", [page for page in PAGES if "chapters/" in page])
def test_explorers_follow_the_keyboard_and_play(browser, site, page):
    """Each control, moved by a key: another sound, another picture, its words; and what is chosen plays, with no kernel."""
    if not explorers(page):
        return
    with open_page(browser, site, page) as (tab, visit):
        for root in tab.query_selector_all("[data-ag-explore]"):
            for control in root.query_selector_all("[data-ag-control]"):
                assert control.evaluate("(e) => e.labels[0].textContent.trim()"), "a control without a label"
                before = root.evaluate(EXPLORER)
                at_end = control.evaluate("(e) => Number(e.value) === (e.options ? e.options.length - 1 : Number(e.max))")
                control.focus()
                tab.keyboard.press(
                    ("ArrowUp" if control.evaluate("(e) => e.tagName") == "SELECT" else "ArrowLeft") if at_end else "ArrowRight"
                )
                after = root.evaluate(EXPLORER)
                assert after["sound"] != before["sound"]
                assert after["picture"] != before["picture"]
                assert after["alt"] != before["alt"]
        assert tab.evaluate(PLAY) == []
        assert (visit.elsewhere, visit.errors, visit.missing) == ([], [], [])


def test_an_explorer_goes_on_playing_when_it_is_moved(browser, site):
    page = next((page for page in PAGES if "chapters/" in page and explorers(page)), None)
    assert page, "no page has an explorer"
    with open_page(browser, site, page) as (tab, visit):
        root = tab.query_selector("[data-ag-explore]")
        audio, control = root.query_selector("audio"), root.query_selector("[data-ag-control]")
        audio.evaluate("async (a) => { a.muted = true; a.loop = true; await a.play(); }")
        control.evaluate("(e) => { e.value = e.value === '0' ? 1 : 0; e.dispatchEvent(new Event('input', {bubbles: true})); }")
        tab.wait_for_function("(a) => !a.paused && a.readyState >= 2", arg=audio)
        assert visit.errors == []


def test_there_are_players_pictures_and_equations(visit):
    seen = visit("chapters/background.html")
    assert seen.players
    assert seen.pictures
    assert seen.equations["set"]


def test_search_works_without_a_network(browser, site):
    with open_page(browser, site, "search.html?q=spectrogram") as (tab, visit):
        tab.wait_for_selector("#search-results li a")
        links = tab.evaluate("[...document.querySelectorAll('#search-results li a')].map((a) => a.getAttribute('href'))")
        assert any("glossary.html" in link for link in links)
        assert (visit.elsewhere, visit.errors) == ([], [])


def test_pages_open_from_a_folder_without_a_server(browser):
    with open_page(browser, HTML.as_uri() + "/", "chapters/background.html") as (tab, visit):
        assert (visit.elsewhere, visit.missing) == ([], [])
        assert tab.evaluate(PLAY) == []
        assert tab.evaluate(EQUATIONS)["set"] > 0


def test_dark_pages_keep_pictures_on_a_white_card(browser, site):
    with open_page(browser, site, "chapters/background.html", color_scheme="dark") as (tab, visit):
        assert tab.evaluate("document.documentElement.dataset.theme") == "dark"
        color = "(e) => getComputedStyle(e).backgroundColor"
        assert tab.eval_on_selector("img.ag-picture", color) == "rgb(255, 255, 255)"
        assert tab.eval_on_selector(".text_html:has(.ag-play)", color) == "rgba(0, 0, 0, 0)"
        assert visit.errors == []


# --- the files, without a browser ---------------------------------------------------------------------------------------------------


@functools.cache
def soup(page):
    return BeautifulSoup((HTML / page).read_text(encoding="utf8"), "html.parser")


def addresses(page):
    """Each address that a page names, apart from those of other hosts."""
    for tag in soup(page).find_all(True):
        for attribute in ("href", "src", "poster"):
            value = tag.get(attribute)
            if value and not urlsplit(value).scheme and not value.startswith("//"):
                yield value


@every_page
def test_no_dead_link(page):
    for value in set(addresses(page)):
        parts = urlsplit(value)
        target = posixpath.normpath(posixpath.join(posixpath.dirname(page), unquote(parts.path))) if parts.path else page
        assert (HTML / target).exists(), value
        if parts.fragment and target.endswith(".html"):
            assert soup(target).find(id=unquote(parts.fragment)) is not None, value


@every_page
def test_page_is_small(page):
    assert (HTML / page).stat().st_size <= LARGEST_PAGE


@every_page
def test_no_large_data_in_the_page(page):
    for tag in soup(page).find_all(["audio", "img", "source"]):
        assert not tag["src"].startswith("data:") or len(tag["src"]) < 8192


@pytest.mark.parametrize("page", PROJECT.notebooks())
def test_buttons_lead_to_the_repository(page):
    repository = address.read()
    links = {tag["href"] for tag in soup(f"{page}.html").find_all("a", href=True)}
    colab = [link for link in links if "colab.research.google.com" in link]
    assert colab == [f"https://colab.research.google.com/github/{repository.removeprefix('https://github.com/')}/blob/main/{page}.ipynb"]
    assert (PROJECT.root / f"{page}.ipynb").is_file()
    assert repository in links


def test_first_page_leads_to_the_book():
    assert "intro.html" in (HTML / "index.html").read_text(encoding="utf8")
