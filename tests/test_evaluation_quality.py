"""Plain faults, on signals that have exactly one of them."""

import numpy as np
import pytest

from audiogen_helpers import datasets
from audiogen_helpers.errors import ParameterError
from audiogen_helpers.evaluation import has_click, is_clipped, quality

N = 4000
TONE = 0.5 * np.sin(2 * np.pi * 220 * np.arange(N) / 8000) * np.hanning(N)


def test_a_clean_tone_has_no_fault():
    found = quality([TONE, TONE.astype(np.float32)])
    assert (found.silent, found.clipped, found.off_centre, found.clicks) == (0.0, 0.0, 0.0, 0.0)
    assert found.rms_db == pytest.approx(20 * np.log10(np.sqrt(np.mean(TONE**2))), abs=1e-4)


@pytest.mark.parametrize(
    ("faulty", "fault"),
    [
        (np.zeros(N), "silent"),
        (1e-4 * TONE, "silent"),
        (np.clip(4 * TONE, -1, 1), "clipped"),
        (TONE + 0.05, "off_centre"),
        (TONE + 0.3 * (np.arange(N) == 1234), "clicks"),
    ],
)
def test_each_fault_is_found(faulty, fault):
    assert getattr(quality([faulty, TONE]), fault) == 0.5


def test_a_constant_offset_that_is_cut_off_clicks():
    assert has_click(TONE + 0.2)
    assert not has_click(TONE)


def test_two_samples_at_full_scale_are_no_clipping():
    y = 0.5 * TONE
    y[100:102] = 1.0
    assert not is_clipped(y)
    y[102] = -1.0
    assert is_clipped(y)
    assert not is_clipped(np.ones(2))


def test_a_jump_clicks_at_any_level_and_place():
    for gain in (1.0, 0.01):
        for place in (5, 2000, N - 5):
            assert has_click(gain * (TONE + 0.3 * (np.arange(N) == place)))


def test_noise_and_silence_do_not_click():
    assert not has_click(np.random.default_rng(0).uniform(-0.5, 0.5, N))
    assert not has_click(np.zeros(N))
    assert not has_click(np.zeros(1))
    assert quality([np.zeros(N)]).rms_db is None


def test_bundled_digits_have_hardly_a_fault():
    data = datasets.load("digits", split="test")
    found = quality([data.clip(i)[0] for i in range(0, len(data), 4)])
    assert (found.silent, found.clipped, found.off_centre) == (0.0, 0.0, 0.0)
    assert found.clicks <= 0.1


@pytest.mark.parametrize("clips", [[], [np.zeros((2, 5))], [np.array([np.nan])], [np.zeros(0)], [np.arange(5)]])
def test_bad_input_is_refused(clips):
    with pytest.raises(ParameterError):
        quality(clips)
