"""Louder here, softer there along frequency: a low shelf, a bell and a high shelf in a row."""

from __future__ import annotations

import numpy as np

from audiogen_helpers.filters import biquad
from audiogen_helpers.registry import Entry, Parameter
from audiogen_helpers.transform._steps import Step, per_channel, render

__all__ = ["ENTRIES", "equaliser"]

_NO_BUMP = 0.5**0.5  # quality of the steepest shelf that does not overshoot


def equaliser(
    y: np.ndarray,
    *,
    sr: int,
    low_db: float = 0.0,
    low_f: float = 200.0,
    mid_db: float = 0.0,
    mid_f: float = 1000.0,
    mid_q: float = 1.0,
    high_db: float = 0.0,
    high_f: float = 4000.0,
) -> np.ndarray:
    """Three bands of tone control: all below `low_f`, what lies around `mid_f`, all above `high_f`. Causal: it may run in blocks.

    Parameters
    ----------
    y : np.ndarray [shape=(..., n)]
        Waveform.
    sr : int > 0
        Sample rate, Hz.
    low_db, mid_db, high_db : float, -40 to 40
        Gain of each band, dB. At 0 a band changes nothing. With gains above 0 the output may exceed 1.
    low_f, high_f : float, 20 to 20000, below sr / 2
        Where the shelves have half of their gain in dB, Hz.
    mid_f : float, 20 to 20000, below sr / 2
        Centre of the bell, Hz.
    mid_q : float, 0.1 to 20
        Sharpness of the bell: its centre over its width.

    Returns
    -------
    y : np.ndarray [same shape and float type]

    Raises
    ------
    ParameterError
        If an argument is out of range.

    Examples
    --------
    >>> hum = np.sin(2 * np.pi * 50 * np.arange(16000) / 8000)
    >>> round(float(20 * np.log10(np.std(equaliser(hum, sr=8000, low_db=-12.0)[8000:]) / np.std(hum[8000:]))), 1)
    -11.9
    """
    settings = {"low_db": low_db, "low_f": low_f, "mid_db": mid_db, "mid_f": mid_f, "mid_q": mid_q, "high_db": high_db, "high_f": high_f}
    defaults = {p.name: p.default for p in _EQUALISER.parameters}
    return render(_EQUALISER, y, sr=sr, **{name: value for name, value in settings.items() if value != defaults[name]})


def start_equaliser(
    sr: int, *, low_db: float, low_f: float, mid_db: float, mid_f: float, mid_q: float, high_db: float, high_f: float
) -> Step:
    """The step of `equaliser`."""
    bands = [("low-shelf", low_db, low_f, _NO_BUMP), ("peak", mid_db, mid_f, mid_q), ("high-shelf", high_db, high_f, _NO_BUMP)]
    used = [biquad(kind, sr=sr, f=f, gain_db=db, q=q) for kind, db, f, q in bands if db != 0.0]
    if not used:
        return lambda block: np.array(block, dtype=np.float64)
    sos = np.concatenate(used)

    def make(channels: int) -> Step:
        from scipy.signal import sosfilt

        state = np.zeros((len(sos), channels, 2))

        def step(block: np.ndarray) -> np.ndarray:
            out, state[...] = sosfilt(sos, block, axis=-1, zi=state)
            return out

        return step

    return per_channel(make)


def _gain(name: str) -> Parameter:
    return Parameter(name=f"{name}_db", default=0.0, unit="dB", low=-40.0, high=40.0, help=f"Gain of the {name} band.")


def _frequency(name: str, default: float) -> Parameter:
    return Parameter(name=f"{name}_f", default=default, unit="Hz", low=20.0, high=20_000.0, help=f"Place of the {name} band.")


_EQUALISER = Entry(
    name="equaliser",
    summary="Tone control in three bands.",
    target="audiogen_helpers.transform.equaliser:equaliser",
    parameters=(
        _gain("low"),
        _frequency("low", 200.0),
        _gain("mid"),
        _frequency("mid", 1000.0),
        Parameter(name="mid_q", default=1.0, low=0.1, high=20.0, help="Sharpness of the mid band."),
        _gain("high"),
        _frequency("high", 4000.0),
    ),
    extra={"mono": False, "length": "same", "stream": "audiogen_helpers.transform.equaliser:start_equaliser"},
)

ENTRIES: tuple[Entry, ...] = (_EQUALISER,)
