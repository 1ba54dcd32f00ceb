"""Plots: what is drawn is what was given, on the axes that were given."""

import re

import numpy as np
import pytest

from audiogen_helpers import spectral, units
from audiogen_helpers.display import plot_lines, plot_mel, plot_spectrogram, plot_wave, subplots
from audiogen_helpers.errors import ParameterError

SR = 8000


def tone(f=1000.0, amplitude=1.0, duration=1.0, sr=SR):
    return amplitude * np.sin(2 * np.pi * f * np.arange(round(sr * duration)) / sr)


def test_every_plot_draws_on_the_axes_it_is_given_and_returns_them():
    fig, axes = subplots(2, 2)
    a, b, c, d = axes.flat
    spec = spectral.MelSpec(sr=SR)
    assert plot_wave(tone(), sr=SR, ax=a) is a
    assert plot_spectrogram(tone(), sr=SR, ax=b) is b
    assert plot_mel(spectral.log_mel(tone(), spec), spec, ax=c) is c
    assert plot_lines({"x": [1.0, 2.0]}, x_label="step", y_label="loss", ax=d) is d
    for ax in axes.flat:
        assert ax.get_xlabel() and ax.get_ylabel()
        assert ax.figure is fig


def test_every_plot_makes_its_own_axes_where_none_are_given():
    import matplotlib.pyplot as plt

    before = plt.get_fignums()
    first, second = plot_wave(tone(), sr=SR), plot_wave(tone(), sr=SR)
    assert first.figure is not second.figure
    assert plt.get_fignums() == before


def test_wave_draws_each_sample_in_seconds():
    y = tone(duration=0.1)
    x, drawn = plot_wave(y, sr=SR).lines[0].get_data()
    np.testing.assert_array_equal(drawn, y)
    np.testing.assert_array_equal(x, np.arange(len(y)) / SR)


def test_long_wave_keeps_its_peaks_and_its_length():
    y = 0.01 * np.random.default_rng(0).uniform(-1, 1, 400_000)
    y[123_456], y[321_123] = 0.9, -0.8
    x, drawn = plot_wave(y, sr=SR).lines[0].get_data()
    assert len(drawn) <= 10_000
    assert (drawn.max(), drawn.min()) == (0.9, -0.8)
    assert x[drawn.argmax()] == pytest.approx(123_456 / SR, abs=0.02)
    assert x[-1] == pytest.approx(len(y) / SR, abs=0.05)


@pytest.mark.parametrize("length", [8001, 11_999, 12_000, 399_999])
def test_the_last_samples_of_a_long_wave_are_drawn(length):
    y = np.zeros(length)
    y[-1] = 0.7
    assert plot_wave(y, sr=SR).lines[0].get_ydata().max() == 0.7


def test_a_second_wave_does_not_cut_the_first():
    ax = plot_wave(tone(duration=1.0), sr=SR)
    plot_wave(tone(duration=0.5), sr=SR, ax=ax)
    assert ax.get_xlim() == (0.0, 1.0)


def test_wave_beyond_full_scale_is_not_cut():
    assert plot_wave(3.0 * tone(), sr=SR).get_ylim()[1] > 3.0


@pytest.mark.parametrize("n_fft", [None, 128, 512])
def test_spectrogram_reads_level_and_frequency(n_fft):
    ax = plot_spectrogram(tone(1000.0, amplitude=0.1), sr=SR, n_fft=n_fft)
    image = ax.images[0]
    S_db = np.asarray(image.get_array())
    _, _, bottom, top = image.get_extent()
    row = S_db[:, S_db.shape[1] // 2].argmax()
    assert S_db[row, S_db.shape[1] // 2] == pytest.approx(-20.0, abs=0.01)  # dB below a full-scale sine
    khz = bottom + (row + 0.5) * (top - bottom) / S_db.shape[0]
    assert khz == pytest.approx(1.0, abs=1e-9)  # the middle of the row's pixels
    assert ax.get_xlim() == (0.0, 1.0)
    assert ax.get_ylim() == (0.0, SR / 2000)


def test_spectrogram_puts_a_click_at_its_time():
    y = np.zeros(SR)
    y[SR // 4] = 1.0
    image = plot_spectrogram(y, sr=SR).images[0]
    S_db = np.asarray(image.get_array())
    left, right, _, _ = image.get_extent()
    frame = S_db.max(axis=0).argmax()
    assert left + (frame + 0.5) * (right - left) / S_db.shape[1] == pytest.approx(0.25, abs=0.004)


def test_spectrograms_of_different_sounds_share_their_colours():
    limits = [plot_spectrogram(y, sr=SR).images[0].get_clim() for y in (tone(), 0.001 * tone(), np.zeros(SR))]
    assert limits == [(-80.0, 0.0)] * 3


def test_spectrogram_of_one_sample():
    assert plot_spectrogram(np.array([0.5]), sr=SR).images[0].get_array().shape[1] == 1


def test_mel_axes_are_seconds_and_hertz():
    spec = spectral.MelSpec(sr=SR)
    L = spectral.log_mel(tone(1000.0), spec)
    ax = plot_mel(L, spec)
    np.testing.assert_array_equal(np.asarray(ax.images[0].get_array()), L)
    assert ax.images[0].get_clim() == (-80.0, 0.0)
    middles = units.hz_to_mel(units.mel_to_hz(np.linspace(0.0, units.hz_to_mel(SR / 2), 66))[1:-1])  # of the bands, on the mel scale
    for tick, label in zip(ax.get_yticks(), ax.get_yticklabels(), strict=True):
        assert np.interp(tick, np.arange(64), middles) == pytest.approx(units.hz_to_mel(1000 * float(label.get_text())))
    assert ax.get_xlim() == pytest.approx((0.0, (L.shape[1] - 0.5) * 0.016))


def test_mel_for_a_gallery_is_bare():
    spec = spectral.MelSpec(sr=SR)
    ax = plot_mel(np.zeros((64, 10)), spec, bare=True)
    assert len(ax.get_xticks()) == len(ax.get_yticks()) == 0
    assert ax.figure.axes == [ax]  # no scale of colours either


def test_pictures_with_and_without_a_scale_of_colours_are_aligned():
    fig, (top, bottom) = subplots(2)
    plot_wave(tone(), sr=SR, ax=top)
    plot_spectrogram(tone(), sr=SR, ax=bottom)
    fig.draw_without_rendering()
    assert top.get_position().x0 == pytest.approx(bottom.get_position().x0)
    assert top.get_position().x1 == pytest.approx(bottom.get_position().x1)


def test_lines_are_told_apart_without_colour_and_named():
    ax = plot_lines({"a": [1.0, 2.0], "b": [2.0, 1.0]}, x=[10, 20], x_label="step", y_label="loss")
    assert len({line.get_linestyle() for line in ax.lines}) == len({line.get_color() for line in ax.lines}) == 2
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["a", "b"]
    np.testing.assert_array_equal(ax.lines[0].get_data(), [[10, 20], [1.0, 2.0]])


def test_smooth_lines_are_running_means_over_the_values():
    values = np.arange(10.0) ** 2
    ax = plot_lines({"a": values}, smooth=3, x_label="step", y_label="loss")
    np.testing.assert_array_equal(ax.lines[0].get_ydata(), values)
    x, y = ax.lines[1].get_data()
    np.testing.assert_allclose(y, [values[i - 2 : i + 1].mean() for i in range(2, 10)])
    np.testing.assert_array_equal(x, np.arange(2, 10))


SPEC = spectral.MelSpec(sr=SR)


@pytest.mark.parametrize(
    ("call", "name"),
    [
        (lambda: plot_wave(np.zeros((2, 10)), sr=SR), "y must be mono"),
        (lambda: plot_wave(np.zeros(10), sr=0), "sr"),
        (lambda: plot_wave(np.zeros(10), sr=SR, ax="axes"), "ax must be matplotlib axes"),
        (lambda: plot_spectrogram(np.zeros(10), sr=SR, n_fft=7), "n_fft"),
        (lambda: plot_spectrogram(np.zeros(10), sr=SR, fmax=5000.0), "fmax"),
        (lambda: plot_spectrogram(np.zeros(10), sr=SR, floor_db=0.0), "floor_db"),
        (lambda: plot_mel(np.zeros((63, 10)), SPEC), r"L must have shape \(64, frames\)"),
        (lambda: plot_mel(np.zeros((64, 10)), {"sr": SR}), "spec must be a MelSpec"),
        (lambda: plot_lines({}, x_label="a", y_label="b"), "lines must map"),
        (lambda: plot_lines({"a": [1.0]}, x=[1, 2], x_label="a", y_label="b"), r"lines\['a'\] must have one value"),
        (lambda: plot_lines({"a": [1.0]}, x_label="", y_label="b"), "x_label"),
        (lambda: plot_lines({"a": [1.0]}, smooth=0, x_label="a", y_label="b"), "smooth"),
    ],
)
def test_bad_input_names_the_argument(call, name):
    with pytest.raises(ParameterError, match=name):
        call()


def test_colours_of_lines_differ_and_stand_out_from_white():
    from matplotlib.colors import to_rgb

    from audiogen_helpers.display.pictures import COLORS

    assert all(re.fullmatch("#[0-9A-F]{6}", color) for color in COLORS)
    grey = sorted(float(np.dot(to_rgb(color), (0.299, 0.587, 0.114))) for color in COLORS)
    assert grey[-1] < 0.8
    assert len(set(COLORS)) == 6
