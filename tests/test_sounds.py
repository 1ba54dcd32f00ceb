"""The contract that every registered sound keeps; a new one joins by being registered."""

import functools
import inspect

import numpy as np
import pytest

from audiogen_helpers import synthesis
from audiogen_helpers._streams import LONGEST, ends
from audiogen_helpers.errors import ParameterError
from audiogen_helpers.spectral.pitch import pitch_of
from audiogen_helpers.synthesis import SOUNDS, blocks, render
from audiogen_helpers.units import cents, n_samples

SR = 44_100
RATES = (8000, 16_000, 22_050, 44_100, 48_000)
every_sound = pytest.mark.parametrize("name", SOUNDS)
TUNED = [name for name, entry in SOUNDS.items() if "in_tune" in entry.extra]
FAMILIES = {"oscillator", "additive", "noise", "subtractive", "modulation", "sampled", "string", "tube", "struck", "voice", "nature"}
ISSUE = [
    "sine",
    "saw",
    "square",
    "triangle",
    "white",
    "pink",
    "brown",
    "blue",
    "am",
    "ring",
    "fm",
    "fm-bell",
    "fm-brass",
    "wavetable",
    "grains",
    "karplus-strong",
    "rain",
    "wind",
    "waves",
    "fire",
    "thunder",
    "stream",
    "clock",
    "helicopter",
    "birds",
    "footsteps",
]


@functools.cache
def two_seconds(name):
    y = render(name, sr=SR, duration=2.0, rng=0)
    y.setflags(write=False)
    return y


def range_ends():
    for name, entry in SOUNDS.items():
        for p in entry.parameters:
            for value in p.choices or (p.low, p.high):
                if value is not None:
                    yield pytest.param(name, p.name, value, id=f"{name}-{p.name}={value}")


def check(y, length):
    assert y.shape == (length,)
    assert y.dtype == np.float64
    assert np.isfinite(y).all()
    assert np.abs(y).max() <= 1.0


def test_every_sound_of_the_book_is_registered():
    assert not [name for name in ISSUE if name not in SOUNDS]


@every_sound
def test_length_level_and_no_direct_current(name):
    y = two_seconds(name)
    check(y, 2 * SR)
    rms = np.sqrt(np.mean(y**2))
    assert rms > 1e-3, "silent"
    assert abs(y.mean()) < 1e-3 + 0.01 * rms, "direct current"


@every_sound
def test_same_seed_same_bytes_and_another_seed_another_sound(name):
    assert render(name, sr=SR, duration=2.0, rng=0).tobytes() == two_seconds(name).tobytes()
    if SOUNDS[name].extra.get("random"):
        assert not np.array_equal(render(name, sr=SR, duration=2.0, rng=1), two_seconds(name))


@every_sound
def test_a_long_render_begins_with_a_short_one(name):
    if not ends(SOUNDS[name]):  # a note is shaped by its duration
        np.testing.assert_array_equal(render(name, sr=SR, duration=0.7, rng=0), two_seconds(name)[: n_samples(0.7, sr=SR)])


@every_sound
@pytest.mark.parametrize("block_length", [1000, 44_100])
def test_blocks_add_up_to_the_whole(name, block_length):
    parts = list(blocks(name, sr=SR, duration=2.0, rng=0, block_length=block_length))
    assert {len(part) for part in parts[:-1]} <= {block_length}
    np.testing.assert_array_equal(np.concatenate(parts), two_seconds(name))


@every_sound
def test_endless_sounds_stream_for_ever_and_notes_need_a_length(name):
    if ends(SOUNDS[name]):
        with pytest.raises(ParameterError, match="duration"):
            blocks(name, sr=SR, block_length=1000)
    else:
        stream = blocks(name, sr=SR, block_length=SR, rng=0)
        later = [next(stream) for _ in range(5)][-1]
        check(later, SR)


@every_sound
@pytest.mark.parametrize("sr", RATES)
def test_every_rate(name, sr):
    y = render(name, sr=sr, duration=0.5, rng=2)
    check(y, n_samples(0.5, sr=sr))


@pytest.mark.parametrize(("name", "parameter", "value"), list(range_ends()))
def test_the_ends_of_every_range_render(name, parameter, value):
    for sr in (44_100, 16_000):
        p = next(p for p in SOUNDS[name].parameters if p.name == parameter)
        if p.unit == "Hz" and value >= sr / 2:
            with pytest.raises(ParameterError, match=parameter):
                render(name, sr=sr, duration=0.1, **{parameter: value})
            continue
        check(render(name, sr=sr, duration=0.6, rng=3, **{parameter: value}), n_samples(0.6, sr=sr))


@every_sound
def test_the_function_is_what_is_registered(name):
    entry = SOUNDS[name]
    function = entry.load()
    signature = inspect.signature(function)
    for p in entry.parameters:
        default = signature.parameters[p.name].default
        assert default == p.default or (p.name in {"f0", "phonemes"} and default is inspect.Parameter.empty), p.name
        if p.name != "f0":
            assert signature.parameters[p.name].kind in (inspect.Parameter.KEYWORD_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    assert signature.parameters["sr"].default is inspect.Parameter.empty
    assert ("rng" in signature.parameters) == bool(entry.extra.get("random"))
    given = {p.name: p.default for p in entry.parameters if signature.parameters[p.name].default is inspect.Parameter.empty}
    chance = {"rng": 0} if entry.extra.get("random") else {}
    np.testing.assert_array_equal(function(**given, sr=SR, duration=2.0, **chance), two_seconds(name))
    assert function.__doc__
    assert "Examples" in function.__doc__
    assert entry.extra["family"] in FAMILIES


@every_sound
def test_every_setting_is_described(name):
    entry = SOUNDS[name]
    assert entry.summary.endswith(".")
    for p in entry.parameters:
        assert p.help.endswith("."), p.name
        assert p.choices or isinstance(p.default, str) or (p.low is not None and p.high is not None and p.low <= p.default <= p.high), (
            p.name
        )
        assert p.name in entry.load().__doc__, p.name


@every_sound
@pytest.mark.parametrize(
    ("bad", "rule"),
    [
        ({"duration": -1.0}, "duration must be > 0"),
        ({"duration": 0.0}, "duration must be > 0"),
        ({"duration": np.nan}, "duration must be finite"),
        ({"duration": 1e-9}, "at least one sample"),
        ({"duration": LONGEST + 1}, "duration must be <="),
        ({"sr": 0}, "sr must be"),
        ({"sr": 10**6}, "sr must be"),
        ({"sr": 44_100.5}, "sr must be a whole number"),
        ({"rng": "dice"}, "rng must be"),
        ({"nonsense": 1.0}, "must be among"),
    ],
)
def test_bad_input_is_named(name, bad, rule):
    with pytest.raises(ParameterError, match=rule):
        render(name, **{"sr": SR, "duration": 0.1, **bad})


@every_sound
def test_no_setting_takes_nonsense(name):
    for p in SOUNDS[name].parameters:
        wrong = ["no such choice"] if p.choices or isinstance(p.default, str) else [np.nan, np.inf, "much", p.low - 1, p.high + 1]
        for value in wrong:
            with pytest.raises(ParameterError):
                render(name, sr=SR, duration=0.1, **{p.name: value})


@pytest.mark.parametrize("name", TUNED)
def test_in_tune_within_two_cents_over_the_declared_range(name):
    low, high = SOUNDS[name].extra["in_tune"]
    if SOUNDS[name].extra["family"] in {"oscillator", "string"}:
        assert low <= 50.0
        assert high >= 2000.0
    for f0 in np.geomspace(low, high, 9):
        y = render(name, sr=SR, duration=1.0, rng=0, f0=float(f0))
        assert abs(cents(pitch_of(y, sr=SR, f_min=0.9 * f0, f_max=1.1 * f0), reference=f0)) < 2.0, f0


def test_an_unknown_name_is_refused():
    with pytest.raises(ParameterError, match="did you mean 'helicopter'"):
        synthesis.render("helicoptr", sr=SR, duration=1.0)
