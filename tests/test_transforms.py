"""The contract that every registered transform keeps; a new one joins by being registered."""

import contextlib
import inspect

import numpy as np
import pytest

from audiogen_helpers.errors import ParameterError
from audiogen_helpers.transform import TRANSFORMS, apply

SR = 16_000
every_transform = pytest.mark.parametrize("name", TRANSFORMS)
ISSUE = [
    "time-stretch",
    "pitch-shift",
    "psola",
    "spectral-gate",
    "denoise",
    "declick",
    "equaliser",
    "compressor",
    "limiter",
    "convolve",
    "reverb",
    "delay",
    "chorus",
    "channel-vocoder",
    "cross-synthesis",
    "robot",
    "whisper",
]


def speechlike(n=SR, seed=0):
    """A buzz that glides, with pauses and a little hiss."""
    rng = np.random.default_rng(seed)
    t = np.arange(n) / SR
    phase = 2 * np.pi * np.cumsum(120.0 + 30.0 * np.sin(2 * np.pi * 1.5 * t)) / SR
    y = sum(np.sin(k * phase) / k for k in range(1, 20))
    return 0.2 * y * (np.sin(2 * np.pi * 2.0 * t) > -0.3) + 0.002 * rng.standard_normal(n)


def call(name, y, **settings):
    second = TRANSFORMS[name].extra.get("second")
    needed = second is not None and inspect.signature(TRANSFORMS[name].load()).parameters[second].default is inspect.Parameter.empty
    return apply(name, y, sr=SR, second=speechlike(8000, seed=5) if needed else None, rng=0, **settings)


def wanted_length(name, n):
    return n if TRANSFORMS[name].extra.get("length", "same") == "same" else None


def test_every_transform_of_the_book_is_registered():
    assert not [name for name in ISSUE if name not in TRANSFORMS]


@every_transform
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_shape_type_and_input_unchanged(name, dtype):
    y = speechlike().astype(dtype)
    before = y.copy()
    out = call(name, y)
    np.testing.assert_array_equal(y, before)
    assert out.dtype == dtype
    assert not np.shares_memory(out, y)
    assert np.isfinite(out).all()
    assert np.abs(out).max() > 1e-3
    if wanted_length(name, len(y)) is not None:
        assert out.shape == y.shape


@every_transform
def test_same_seed_same_bytes(name):
    assert call(name, speechlike()).tobytes() == call(name, speechlike()).tobytes()


@every_transform
def test_silence_stays_silence(name):
    out = call(name, np.zeros(SR))
    assert np.isfinite(out).all()
    assert np.abs(out).max() <= 1e-9


@every_transform
def test_stereo_is_kept_or_clearly_refused(name):
    y = np.stack([speechlike(seed=0), 0.5 * speechlike(seed=1)])
    if TRANSFORMS[name].extra.get("mono"):
        with pytest.raises(ParameterError, match="mono"):
            call(name, y)
    else:
        out = call(name, y)
        assert out.shape[0] == 2
        assert np.isfinite(out).all()


def range_ends():
    for name, entry in TRANSFORMS.items():
        for p in entry.parameters:
            for value in p.choices or (p.low, p.high):
                if value is not None:
                    yield pytest.param(name, p.name, value, id=f"{name}-{p.name}={value}")


@pytest.mark.parametrize(("name", "parameter", "value"), list(range_ends()))
def test_the_ends_of_every_range_work(name, parameter, value):
    p = next(p for p in TRANSFORMS[name].parameters if p.name == parameter)
    if p.unit == "Hz" and not isinstance(value, str) and value >= SR / 2:
        with pytest.raises(ParameterError, match=parameter):
            call(name, speechlike(), **{parameter: value})
        return
    out = call(name, speechlike(), **{parameter: value})
    assert np.isfinite(out).all()


@every_transform
@pytest.mark.parametrize("length", [1, 2, 100, 1000])
def test_a_short_clip_works_or_is_clearly_refused(name, length):
    with contextlib.suppress(ParameterError):
        out = call(name, speechlike()[:length])
        assert np.isfinite(out).all()
        assert out.shape[-1] == (wanted_length(name, length) or out.shape[-1])


@every_transform
@pytest.mark.parametrize(
    "y", [np.zeros(0), np.full(100, np.nan), np.zeros(100, dtype=int), np.float64(1.0)], ids=["empty", "nan", "int", "scalar"]
)
def test_bad_sound_is_refused(name, y):
    with pytest.raises(ParameterError, match="y must"):
        call(name, y)


@every_transform
def test_no_setting_takes_nonsense(name):
    for p in TRANSFORMS[name].parameters:
        wrong = ["no such choice"] if p.choices or isinstance(p.default, str) else [np.nan, "much", p.low - 1, p.high + 1]
        for value in wrong:
            with pytest.raises(ParameterError):
                call(name, speechlike(), **{p.name: value})


@every_transform
def test_the_function_is_what_is_registered(name):
    entry = TRANSFORMS[name]
    signature = inspect.signature(entry.load())
    for p in entry.parameters:
        assert signature.parameters[p.name].default == p.default, p.name
        assert p.help.endswith(".")
        assert p.name in entry.load().__doc__, p.name
    assert ("rng" in signature.parameters) == bool(entry.extra.get("random"))
    assert entry.summary.endswith(".")


def test_a_second_sound_where_none_is_taken_is_refused():
    with pytest.raises(ParameterError, match="takes one sound only"):
        apply("limiter", speechlike(), sr=SR, second=speechlike())
