"""Players, comparisons and pictures: what is in the page is what was given."""

import base64
import io
import re
import subprocess
import sys
from html.parser import HTMLParser

import numpy as np
import pytest
import soundfile
from PIL import Image

from audiogen_helpers.display import Html, compare, figure, play, subplots
from audiogen_helpers.errors import ParameterError


class Elements(HTMLParser):
    """Every element with its attributes, and whether each one that is opened is closed."""

    def __init__(self, html):
        super().__init__()
        self.found, self.open, self.text = [], [], ""
        self.feed(html)
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))
        if tag != "img":
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data

    def all(self, tag):
        return [attributes for name, attributes in self.found if name == tag]


def bytes_of(source):
    mime, data = re.fullmatch(r"data:([a-z]+/[a-z]+);base64,(.+)", source).groups()
    return mime, base64.b64decode(data, validate=True)


def heard(attributes):
    mime, data = bytes_of(attributes["src"])
    y, sr = soundfile.read(io.BytesIO(data), dtype="float32", always_2d=True)
    return mime, y.T, sr


def tone(sr=8000, amplitude=0.25, duration=0.5):
    return amplitude * np.sin(2 * np.pi * 440.0 * np.arange(round(sr * duration)) / sr)


@pytest.mark.parametrize("amplitude", [1.0, 0.5, 0.001])
def test_play_keeps_the_level(amplitude):
    y = tone(amplitude=amplitude, duration=1.0)
    mime, got, sr = heard(Elements(play(y, sr=8000, caption="a").html).all("audio")[0])
    assert (mime, sr, got.shape) == ("audio/flac", 8000, (1, 8000))
    np.testing.assert_allclose(got[0], y, atol=1.01 / 2**15)


def test_mp3_keeps_level_and_length():
    y = tone(sr=22_050, amplitude=0.5, duration=1.0)
    attributes = Elements(play(y, sr=22_050, caption="a").html).all("audio")[0]
    mime, got, sr = heard(attributes)
    assert (mime, sr, got.shape[-1]) == ("audio/mpeg", 22_050, 22_050)
    assert np.sqrt(np.mean(got[0, 2000:-2000] ** 2)) == pytest.approx(0.5 / np.sqrt(2), rel=0.01)
    assert float(attributes["data-seconds"]) == 1.0


@pytest.mark.parametrize(
    ("sr", "format", "mime"),
    [
        (8000, None, "audio/flac"),
        (16_000, None, "audio/flac"),
        (22_050, None, "audio/mpeg"),
        (48_000, None, "audio/mpeg"),
        (96_000, None, "audio/flac"),
        (17_000, None, "audio/flac"),
        (44_100, "flac", "audio/flac"),
        (8000, "mp3", "audio/mpeg"),
    ],
)
def test_format(sr, format, mime):
    attributes = Elements(play(tone(sr=sr, duration=1.0), sr=sr, caption="a", format=format).html).all("audio")[0]
    assert heard(attributes)[0] == mime
    assert float(attributes["data-seconds"]) == 1.0


def test_stereo_stays_stereo():
    y = np.stack([tone(), 0.5 * tone()])
    _, got, _ = heard(Elements(play(y, sr=8000, caption="a").html).all("audio")[0])
    np.testing.assert_allclose(got, y, atol=1.01 / 2**15)


def test_silence_and_a_single_sample_play():
    for y in (np.zeros(800), np.array([0.5])):
        assert heard(Elements(play(y, sr=8000, caption="a").html).all("audio")[0])[1].shape == (1, len(y))


@pytest.mark.parametrize(
    ("y", "rule"),
    [
        (np.array([0.0, 1.001]), "y must stay within"),
        (np.array([0.0, np.nan]), "y must be finite"),
        (np.array([]), "y must have at least 1"),
        (np.zeros(10, dtype=np.int16), "y must be floating point"),
        (np.zeros((3, 10)), "y must be mono"),
        (np.zeros((2, 2, 10)), "y must be mono"),
        ("sound.wav", "y must be"),
    ],
)
def test_play_refuses(y, rule):
    with pytest.raises(ParameterError, match=re.escape(rule)):
        play(y, sr=8000, caption="a")


@pytest.mark.parametrize("arguments", [{"sr": 0}, {"caption": " "}, {"caption": None}, {"format": "ogg"}])
def test_play_names_the_argument(arguments):
    with pytest.raises(ParameterError, match=next(iter(arguments))):
        play(tone(), **{"sr": 8000, "caption": "a", **arguments})


def test_play_changes_nothing_and_repeats():
    y = tone()
    before = y.copy()
    assert play(y, sr=8000, caption="a").html == play(y, sr=8000, caption="a").html
    np.testing.assert_array_equal(y, before)


def test_caption_is_shown_and_read_aloud_whatever_it_holds():
    caption = 'Listen: "a < b" & <script>alert(1)</script>'
    elements = Elements(play(tone(), sr=8000, caption=caption).html)
    assert elements.text == caption
    assert elements.all("audio")[0]["aria-label"] == caption
    assert not elements.all("script")


def test_shown_as_html_in_a_notebook_and_as_text_in_a_terminal():
    shown = play(tone(), sr=8000, caption="Low.")
    assert isinstance(shown, Html)
    assert shown._repr_html_() == shown.html
    assert repr(shown) == "[sound, 0.50 s] Low."


def test_compare_has_name_picture_and_player_for_each():
    sounds = {"one": tone(), "two & three": np.stack([tone(), tone()])}
    elements = Elements(compare(sounds, sr=8000, caption="Both.").html)
    assert [a["aria-label"] for a in elements.all("audio")] == list(sounds)
    assert all(name in elements.text for name in [*sounds, "Both."])
    for image, name in zip(elements.all("img"), sounds, strict=True):
        assert name in image["alt"]


def test_compare_shares_levels_colours_and_time():
    loud, soft = 0.5 * np.ones(8000) * np.sign(tone(duration=1.0)), 0.5 * tone(duration=0.5)
    alone = Elements(compare({"a": loud}, sr=8000, caption="c").html)
    both = Elements(compare({"b": soft, "a": loud}, sr=8000, caption="c").html)
    assert alone.all("audio")[0]["src"] == both.all("audio")[1]["src"]  # the level does not depend on the neighbours
    assert alone.all("img")[0]["src"] == both.all("img")[1]["src"]  # nor do colours and axes
    right = pixels(both.all("img")[0])[60, -150]
    np.testing.assert_allclose(right, 242, atol=6)  # b ends at 0.5 s of 1 s: the rest of its axes is empty


def pixels(attributes):
    return np.asarray(Image.open(io.BytesIO(bytes_of(attributes["src"])[1])).convert("RGB"))


@pytest.mark.parametrize("sounds", [{}, [1.0], {"a": np.array([2.0])}, {"": tone()}])
def test_compare_refuses(sounds):
    with pytest.raises(ParameterError, match="sounds"):
        compare(sounds, sr=8000, caption="a")


def test_compare_names_the_sound_that_is_too_loud():
    with pytest.raises(ParameterError, match=r"sounds\['b'\] must stay within"):
        compare({"a": tone(), "b": 3 * tone(amplitude=1.0)}, sr=8000, caption="a")


def test_figure_has_alternative_text_and_the_size_it_was_made_with():
    fig, ax = subplots(width=5.0, height=2.0)
    ax.plot([0, 1], [0, 1])
    image = Elements(figure(fig, alt='A line "going" up', caption="Up.").html).all("img")[0]
    assert image["alt"] == 'A line "going" up'
    assert (image["width"], image["height"]) == ("500", "200")
    array = pixels(image)
    assert array.shape == (300, 750, 3)
    assert (array[0, 0] == 255).all()  # a white card, so that dark pages do not swallow the axes
    assert (array < 200).any()


def test_figure_gives_the_same_bytes_again():
    def make():
        fig, ax = subplots()
        ax.imshow(np.random.default_rng(0).uniform(size=(20, 30)))
        return figure(fig, alt="Noise.").html

    assert make() == make()


def test_figure_closes_what_pyplot_keeps():
    import matplotlib.pyplot as plt

    before = plt.get_fignums()
    fig, _ = plt.subplots()
    figure(fig, alt="Empty axes.")
    assert plt.get_fignums() == before


@pytest.mark.parametrize(("fig", "alt", "name"), [("no figure", "a", "fig"), (None, "", "alt")])
def test_figure_refuses(fig, alt, name):
    with pytest.raises(ParameterError, match=name):
        figure(subplots()[0] if fig is None else fig, alt=alt)


def test_subplots_changes_no_global_style():
    import matplotlib as mpl

    before = dict(mpl.rcParams)
    _, axes = subplots(2, 3)
    assert axes.shape == (2, 3)
    assert dict(mpl.rcParams) == before
    with pytest.raises(ParameterError, match="n_rows"):
        subplots(0)


def test_import_is_light():
    code = "import sys, audiogen_helpers.display; print(*sys.modules)"
    modules = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not {"matplotlib", "IPython", "PIL", "soundfile", "librosa", "tensorflow"} & set(modules)


@pytest.mark.parametrize(("length", "mime"), [(4096, "audio/wav"), (4097, "audio/flac")])
def test_a_flac_of_one_frame_does_not_play_in_chromium_so_it_is_a_wav(length, mime):
    html = play(np.full(length, 0.1), sr=8000, caption="Listen.").html
    assert f'src="data:{mime};base64,' in html
