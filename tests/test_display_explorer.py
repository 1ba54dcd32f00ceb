"""Explorers: every position of the sliders holds its own sound, and what cannot be shown is refused."""

import base64
import io
import json
import re

import numpy as np
import pytest
import soundfile

from audiogen_helpers import display
from audiogen_helpers.errors import ParameterError

SR = 8000


def tone(pitch, level=0.5):
    return level * np.sin(2 * np.pi * pitch * np.arange(5000) / SR)


def frames_of(explorer):
    text = re.search(r'<script type="application/json">(.*?)</script>', explorer.html, flags=re.DOTALL)[1]
    return json.loads(text)


def sound_of(frame):
    return soundfile.read(io.BytesIO(base64.b64decode(frame["sound"].partition(",")[2])))


def test_every_position_holds_its_own_sound_picture_and_words():
    explorer = display.explore(
        tone, sr=SR, caption="c", words=lambda y, **p: f"peak {np.abs(y).max():.2f}", pitch=[200, 400, 800], level=[0.1, 0.5]
    )
    data = frames_of(explorer)
    assert data["labels"] == [["200", "400", "800"], ["0.1", "0.5"]]
    assert len(data["frames"]) == 6
    for number, frame in enumerate(data["frames"]):
        pitch, level = [200, 400, 800][number // 2], [0.1, 0.5][number % 2]
        y, sr = sound_of(frame)
        assert sr == SR
        np.testing.assert_allclose(y, tone(pitch, level), atol=2e-4)
        assert frame["words"] == f"peak {np.abs(tone(pitch, level)).max():.2f}"
        assert f"pitch {pitch}" in frame["alt"]
    assert len({frame["picture"] for frame in data["frames"]}) == 6


def test_it_starts_where_asked_and_names_its_controls():
    explorer = display.explore(
        tone, sr=SR, caption="Move & listen.", start={"pitch": 400}, labels={"pitch": "pitch <Hz>"}, pitch=[200, 400], level=[0.1, 0.5]
    )
    data = frames_of(explorer)
    outside = explorer.html.partition("<script")[0]
    assert data["frames"][2]["sound"] in outside
    assert data["frames"][0]["sound"] not in outside
    assert "pitch &lt;Hz&gt;" in outside
    assert outside.count('type="range"') == 2
    assert re.findall(r'aria-valuetext="([^"]+)"', outside) == ["400", "0.1"]
    assert "Move &amp; listen." in outside


def test_texts_make_a_menu_and_the_rate_may_vary():
    explorer = display.explore(lambda rate: (tone(200), int(rate[:-3])), sr=SR, caption="c", rate=["8000 Hz", "16000 Hz"])
    assert "<select" in explorer.html
    frames = frames_of(explorer)["frames"]
    assert [sound_of(frame)[1] for frame in frames] == [8000, 16000]
    assert [frame["seconds"] for frame in frames] == [0.625, 0.3125]


def test_own_picture_and_same_call_same_bytes():
    drawn = []

    def picture(y, ax, *, pitch):
        drawn.append(pitch)
        ax.plot(y[:100])

    def make():
        return display.explore(tone, sr=SR, caption="c", picture=picture, pitch=[200.0, 300.0])

    assert make().html == make().html
    assert drawn == [200.0, 300.0] * 2


def test_words_cannot_break_out_of_the_script():
    explorer = display.explore(tone, sr=SR, caption="c", words=lambda y, **p: "</script><b>", pitch=[200, 400])
    assert "</script><b>" not in explorer.html
    assert frames_of(explorer)["frames"][0]["words"] == "</script><b>"


@pytest.mark.parametrize(
    ("options", "rule"),
    [
        ({}, "at least one list"),
        ({"pitch": [200]}, "pitch must be a list of at least two"),
        ({"pitch": "ab"}, "pitch must be a list"),
        ({"pitch": [200, 300], "start": {"pitch": 250}}, r"start\['pitch'\] must be one of"),
        ({"pitch": [200, 300], "start": {"tempo": 1}}, r"start\['tempo'\]"),
        ({"pitch": list(range(100, 200)), "max_frames": 50}, "at most 50 combinations; received 100"),
        ({"pitch": [200, 300], "caption": " "}, "caption"),
        ({"pitch": [200, 300], "level": [0.5, 1.5]}, r"within \[-1, 1\]"),
    ],
)
def test_what_cannot_be_shown_is_refused(options, rule):
    with pytest.raises(ParameterError, match=rule):
        display.explore(tone, **{"sr": SR, "caption": "c", **options})


def test_live_sliders_are_continuous_and_render():
    widgets = pytest.importorskip("ipywidgets")
    live = display.explore(tone, sr=SR, caption="c", start={"pitch": 400.0}, pitch=[200.0, 400.0], level=[0.1, 0.5]).live()
    slider = live.children[0]
    assert isinstance(slider, widgets.FloatSlider)
    assert (slider.min, slider.max, slider.value) == (200.0, 400.0, 400.0)
    slider.value = 300.0
    assert slider.value == 300.0
