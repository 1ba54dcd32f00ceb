"""Struck bodies as sums of dying sines, their modes: bar, plate, bell and drum.

A body that is struck moves in shapes, each with a frequency of its own. Where it is struck decides how much of each is set going, the
mallet how many, the material how long they last; and the frequencies decide whether it sounds like a bar, a bell or a drum.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from audiogen_helpers._streams import Stream, check_length, render
from audiogen_helpers._validation import check_array
from audiogen_helpers.errors import ParameterError
from audiogen_helpers.registry import Entry, Parameter
from audiogen_helpers.synthesis.physical._modes import BELL_LEVELS, RATIOS, bar_shapes, contact_gain, membrane_zeros, mode_times
from audiogen_helpers.synthesis.physical._shared import PIECE

__all__ = ["ENTRIES", "RATIOS", "bar", "church_bell", "membrane", "mode_times", "modes", "plate"]

_PEAK = 0.9  # the sum of the amplitudes of all modes
_HIGHEST = 0.45  # of the sample rate: modes above it are left out
_STRIDE = 128  # samples from one start to the next


def modes(frequencies: ArrayLike, *, t60: ArrayLike, amplitudes: ArrayLike, sr: int, duration: float) -> np.ndarray:
    """A sum of dying sines: ``sum of a sin(2 pi f t) 10**(-3 t / T)``, all beginning at 0.

    Parameters
    ----------
    frequencies : array [shape=(modes,)], below sr / 2
        Hz.
    t60 : array [shape=(modes,)] or float > 0
        Time in which each falls by 60 dB, s.
    amplitudes : array [shape=(modes,)] or float
        Amplitude of each at time 0.
    sr : int, 8000 to 192000
        Sample rate, Hz.
    duration : float in (0, 3600]
        Length, s.

    Returns
    -------
    y : np.ndarray [shape=(n_samples(duration, sr=sr),), float64]
        At most the sum of the amplitudes.

    Raises
    ------
    ParameterError
        If an argument is out of range, or the arrays do not go together.

    Examples
    --------
    >>> modes([2000.0], t60=0.001, amplitudes=1.0, sr=8000, duration=0.0005).round(3)
    array([ 0.   ,  0.422,  0.   , -0.075])
    """
    length, sr = check_length(duration, sr=sr)
    f = check_array(frequencies, name="frequencies", ndim=1, above=0.0, below=sr / 2)
    t60 = check_array(t60, name="t60", ndim=(0, 1), above=0.0)
    a = check_array(amplitudes, name="amplitudes", ndim=(0, 1))
    for name, array in (("t60", t60), ("amplitudes", a)):
        if array.ndim and array.shape != f.shape:
            raise ParameterError(f"{name} must be one number or one for each of {len(f)} modes; received shape {array.shape}")
    stream = _ring(f, np.broadcast_to(t60, f.shape), np.broadcast_to(a, f.shape), sr=sr)
    return np.concatenate([next(stream) for _ in range(-(-length // PIECE))])[:length]


def bar(
    f0: float, *, sr: int, duration: float, cut: str = "marimba", position: float = 0.4, hardness: float = 0.5, decay: float = 1.0,
    damping: float = 0.1,
) -> np.ndarray:  # fmt: skip
    """A bar that is struck, free at both ends: glockenspiel (uniform), marimba, xylophone.

    Its modes are at 1, 2.756, 5.404, 8.933, ... times the first: no harmonics, because a bar's stiffness drives it and short waves are
    disproportionately stiff. Makers cut the underside until the second mode is a harmonic.

    Parameters
    ----------
    f0 : float in [50, 3500]
        Pitch, Hz: of the first mode.
    sr : int, 8000 to 192000
        Sample rate, Hz.
    duration : float in (0, 3600]
        Length, s.
    cut : {'uniform', 'marimba', 'xylophone'}
        Shape of the bar. The shapes of the modes, which decide what `position` does, are those of the uniform one.
    position : float in [0, 0.5]
        Where it is struck, as a share of its length; 0.5 is the middle, where every second mode has a node, 0.224 a node of the first.
    hardness : float in [0, 1]
        Of the mallet, which touches the bar for 3 ms (0) to 0.1 ms (1): modes much faster than that are not set going.
    decay : float in [0.02, 30]
        T60 of the first mode, s.
    damping : float in [0, 1]
        Share of its loss that grows with the square of the frequency: wood has more, metal less.

    Returns
    -------
    y : np.ndarray [shape=(n_samples(duration, sr=sr),), float64], ``|y| <= 1``

    Raises
    ------
    ParameterError
        If an argument is out of range.

    References
    ----------
    N. H. Fletcher and T. D. Rossing (1998), The Physics of Musical Instruments, 2nd ed., chapters 2 (bars) and 19 (mallet instruments).

    Examples
    --------
    >>> from audiogen_helpers.spectral import pitch_of
    >>> round(pitch_of(bar(440.0, sr=22050, duration=1.0), sr=22050), 2)
    440.0
    """
    given: dict[str, Any] = {"f0": f0, "cut": cut, "position": position, "hardness": hardness, "decay": decay, "damping": damping}
    return render(_BAR, sr=sr, duration=duration, **given)


def bar_stream(
    sr: int, rng: np.random.Generator, *, f0: float, cut: str, position: float, hardness: float, decay: float, damping: float
) -> Stream:
    """The stream of `bar`."""
    ratios = np.array(RATIOS[cut])
    shapes = bar_shapes(np.array([position]))[: len(ratios), 0]
    return _struck(f0, ratios, shapes, hardness=hardness, decay=decay, damping=damping, sr=sr)


def plate(
    f0: float, *, sr: int, duration: float, aspect: float = 1.4, x: float = 0.37, y: float = 0.29, hardness: float = 0.8,
    decay: float = 3.0, damping: float = 0.003,
) -> np.ndarray:  # fmt: skip
    """A rectangular plate held at its edges: a crowd of modes with no pitch in common, a gong or a thunder sheet.

    Mode (m, n) lies at ``f0 (m**2 + (aspect n)**2) / (1 + aspect**2)`` and has the shape ``sin(pi m x) sin(pi n y)``.

    Parameters
    ----------
    f0 : float in [20, 2000]
        Frequency of the lowest mode, Hz.
    sr : int, 8000 to 192000
        Sample rate, Hz.
    duration : float in (0, 3600]
        Length, s.
    aspect : float in [1, 5]
        Length of the plate over its width.
    x, y : float in [0.02, 0.5]
        Where it is struck, as shares of length and width.
    hardness : float in [0, 1]
        Of the mallet, as for `bar`.
    decay : float in [0.02, 30]
        T60 of the lowest mode, s.
    damping : float in [0, 1]
        Share of its loss that grows with the square of the frequency.

    Returns
    -------
    y : np.ndarray [shape=(n_samples(duration, sr=sr),), float64], ``|y| <= 1``

    Raises
    ------
    ParameterError
        If an argument is out of range.

    References
    ----------
    N. H. Fletcher and T. D. Rossing (1998), The Physics of Musical Instruments, 2nd ed., chapter 3 (membranes and plates).

    Examples
    --------
    >>> plate(100.0, sr=16000, duration=0.5).shape
    (8000,)
    """
    given: dict[str, Any] = {"f0": f0, "aspect": aspect, "x": x, "y": y, "hardness": hardness, "decay": decay, "damping": damping}
    return render(_PLATE, sr=sr, duration=duration, **given)


def plate_stream(
    sr: int, rng: np.random.Generator, *, f0: float, aspect: float, x: float, y: float, hardness: float, decay: float, damping: float
) -> Stream:
    """The stream of `plate`."""
    m, n = (grid.ravel() for grid in np.meshgrid(np.arange(1, 9), np.arange(1, 7), indexing="ij"))
    ratios = (m**2 + (aspect * n) ** 2) / (1.0 + aspect**2)
    shapes = np.sin(np.pi * m * x) * np.sin(np.pi * n * y)
    order = np.argsort(ratios, kind="stable")[:40]
    return _struck(f0, ratios[order], shapes[order], hardness=hardness, decay=decay, damping=damping, sr=sr)


def church_bell(f0: float, *, sr: int, duration: float, hardness: float = 0.85, decay: float = 6.0, damping: float = 0.05) -> np.ndarray:
    """A church bell: hum, prime, tierce, quint and nominal, and the partials above, by a table of a real one.

    Parameters
    ----------
    f0 : float in [50, 2000]
        Frequency of the prime, Hz; the hum is an octave below, the nominal, whose octave below is what many hear, an octave above.
    sr : int, 8000 to 192000
        Sample rate, Hz.
    duration : float in (0, 3600]
        Length, s.
    hardness : float in [0, 1]
        Of the clapper, as for `bar`.
    decay : float in [0.02, 30]
        T60 of the prime, s.
    damping : float in [0, 1]
        Share of its loss that grows with the square of the frequency.

    Returns
    -------
    y : np.ndarray [shape=(n_samples(duration, sr=sr),), float64], ``|y| <= 1``

    Raises
    ------
    ParameterError
        If an argument is out of range.

    References
    ----------
    R. Perrin, T. Charnley and J. dePont (1983), Normal modes of the modern English church bell, J. Sound Vib. 90(1), 29-49.

    Examples
    --------
    >>> from audiogen_helpers.spectral import pitch_of
    >>> y = church_bell(300.0, sr=16000, duration=1.0)
    >>> [round(pitch_of(y, sr=16000, f_min=0.95 * f, f_max=1.05 * f)) for f in (150, 300, 355)]
    [150, 300, 355]
    """
    return render(_BELL, sr=sr, duration=duration, f0=f0, hardness=hardness, decay=decay, damping=damping)


def church_bell_stream(sr: int, rng: np.random.Generator, *, f0: float, hardness: float, decay: float, damping: float) -> Stream:
    """The stream of `church_bell`."""
    return _struck(f0, np.array(RATIOS["bell"]), BELL_LEVELS, hardness=hardness, decay=decay, damping=damping, sr=sr)


def membrane(
    f0: float, *, sr: int, duration: float, position: float = 0.3, hardness: float = 0.5, decay: float = 0.6, damping: float = 0.2
) -> np.ndarray:
    """A drum skin held at its rim, in a vacuum: modes at the zeros of Bessel functions, 1, 1.593, 2.136, 2.295, ... times the lowest.

    Parameters
    ----------
    f0 : float in [30, 1000]
        Frequency of the lowest mode, Hz.
    sr : int, 8000 to 192000
        Sample rate, Hz.
    duration : float in (0, 3600]
        Length, s.
    position : float in [0, 0.95]
        Where it is struck, from the middle (0) towards the rim (1). In the middle only the round modes sound.
    hardness : float in [0, 1]
        Of the stick, as for `bar`.
    decay : float in [0.02, 30]
        T60 of the lowest mode, s.
    damping : float in [0, 1]
        Share of its loss that grows with the square of the frequency.

    Returns
    -------
    y : np.ndarray [shape=(n_samples(duration, sr=sr),), float64], ``|y| <= 1``

    Raises
    ------
    ParameterError
        If an argument is out of range.

    References
    ----------
    N. H. Fletcher and T. D. Rossing (1998), The Physics of Musical Instruments, 2nd ed., chapter 3 (membranes and plates).

    Examples
    --------
    >>> from audiogen_helpers.spectral import pitch_of
    >>> round(pitch_of(membrane(100.0, sr=16000, duration=0.5, position=0.0), sr=16000, f_min=90, f_max=110), 1)
    100.0
    """
    given: dict[str, Any] = {"f0": f0, "position": position, "hardness": hardness, "decay": decay, "damping": damping}
    return render(_MEMBRANE, sr=sr, duration=duration, **given)


def membrane_stream(
    sr: int, rng: np.random.Generator, *, f0: float, position: float, hardness: float, decay: float, damping: float
) -> Stream:
    """The stream of `membrane`."""
    from scipy.special import jv

    order, zeros = membrane_zeros()
    shapes = jv(order, zeros * position)
    return _struck(f0, zeros / zeros[0], shapes, hardness=hardness, decay=decay, damping=damping, sr=sr)


# --- the sum ------------------------------------------------------------------------------------------------------------------------


def _struck(f0: float, ratios: np.ndarray, shapes: np.ndarray, *, hardness: float, decay: float, damping: float, sr: int) -> Stream:
    """The modes of a body that a mallet sets going; amplitudes add up to the same whatever it is, so nothing clips."""
    f = f0 * ratios
    amplitudes = shapes * contact_gain(f, hardness=hardness)
    amplitudes = np.where(f < _HIGHEST * sr, amplitudes, 0.0)
    total = np.abs(amplitudes).sum()
    heard = np.abs(amplitudes) > 1e-5 * total
    t60 = mode_times(ratios, decay=decay, damping=damping)
    return _ring(f[heard], t60[heard], _PEAK / total * amplitudes[heard], sr=sr)


def _ring(f: np.ndarray, t60: np.ndarray, amplitudes: np.ndarray, *, sr: int) -> Stream:
    """Dying sines, piece by piece, for ever.

    A mode is ``exp(rate * n)``, so where ``n = start + i`` it is a product, and a piece is one product of matrices: of what the modes are
    at each start, and how they go on from there.
    """
    rate = (-3.0 * np.log(10.0) / t60 + 2j * np.pi * f) / sr
    onward = np.exp(np.outer(rate, np.arange(_STRIDE)))
    at = 0
    while True:
        state = amplitudes * np.exp(np.outer(np.arange(at, at + PIECE, _STRIDE), rate))
        yield (state.real @ onward.imag + state.imag @ onward.real).ravel()
        at += PIECE


_HARDNESS = "Of the mallet: hard ones set fast modes going."
_DAMPING = "How much faster high modes die."
_MODULE = "audiogen_helpers.synthesis.physical.modal"


def _f0(default: float, low: float, high: float) -> Parameter:
    return Parameter(name="f0", default=default, unit="Hz", low=low, high=high, help="Pitch, of the mode that counts as the first.")


def _common(hardness: float, decay: float, damping: float) -> tuple[Parameter, ...]:
    return (
        Parameter(name="hardness", default=hardness, low=0.0, high=1.0, help=_HARDNESS),
        Parameter(name="decay", default=decay, unit="s", low=0.02, high=30.0, help="T60 of the first mode."),
        Parameter(name="damping", default=damping, low=0.0, high=1.0, help=_DAMPING),
    )


_BAR = Entry(
    name="bar",
    summary="A bar of wood or metal that is struck: glockenspiel, marimba, xylophone.",
    target=f"{_MODULE}:bar",
    parameters=(
        _f0(440.0, 50.0, 3500.0),
        Parameter(name="cut", default="marimba", choices=("uniform", "marimba", "xylophone"), help="Shape of the bar."),
        Parameter(name="position", default=0.4, low=0.0, high=0.5, help="Where it is struck, as a share of its length."),
        *_common(0.5, 1.0, 0.1),
    ),
    extra={"family": "struck", "stream": f"{_MODULE}:bar_stream", "in_tune": (50.0, 3500.0)},
)
_PLATE = Entry(
    name="plate",
    summary="A rectangular plate that is struck: a crowd of modes without a pitch.",
    target=f"{_MODULE}:plate",
    parameters=(
        _f0(110.0, 20.0, 2000.0),
        Parameter(name="aspect", default=1.4, low=1.0, high=5.0, help="Length over width."),
        Parameter(name="x", default=0.37, low=0.02, high=0.5, help="Where it is struck, as a share of its length."),
        Parameter(name="y", default=0.29, low=0.02, high=0.5, help="Where it is struck, as a share of its width."),
        *_common(0.8, 3.0, 0.003),
    ),
    extra={"family": "struck", "stream": f"{_MODULE}:plate_stream"},
)
_BELL = Entry(
    name="church-bell",
    summary="A church bell: hum, prime, tierce, quint, nominal and more.",
    target=f"{_MODULE}:church_bell",
    parameters=(_f0(300.0, 50.0, 2000.0), *_common(0.85, 6.0, 0.05)),
    extra={"family": "struck", "stream": f"{_MODULE}:church_bell_stream", "in_tune": (50.0, 2000.0)},
)
_MEMBRANE = Entry(
    name="membrane",
    summary="A drum skin that is struck.",
    target=f"{_MODULE}:membrane",
    parameters=(
        _f0(110.0, 30.0, 1000.0),
        Parameter(name="position", default=0.3, low=0.0, high=0.95, help="Where it is struck, from the middle to the rim."),
        *_common(0.5, 0.6, 0.2),
    ),
    extra={"family": "struck", "stream": f"{_MODULE}:membrane_stream", "in_tune": (50.0, 1000.0)},
)
ENTRIES: tuple[Entry, ...] = (_BAR, _PLATE, _BELL, _MEMBRANE)
