"""How far a voice or melody is from the pitch that it should have.

Chapter: chapters/practice/generation.ipynb
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from audiogen_helpers import spectral, units
from audiogen_helpers._validation import check_number, check_sr
from audiogen_helpers.evaluation.distances import check_pair

__all__ = ["PitchError", "pitch_error"]


@dataclass(frozen=True, kw_only=True)
class PitchError:
    """What :func:`pitch_error` found.

    Attributes
    ----------
    rmse_cents : float or None
        Root mean square of the interval between the two pitches, cents, over the frames voiced in both; None where there are none.
    voicing : float, 0 to 1
        Voicing decision error: share of all frames that are voiced in one sound only.
    gross : float or None
        Gross pitch error: share of the frames voiced in both whose pitch is off by more than the limit; None where there are none.
    voiced : int
        Frames voiced in both.
    n : int
        All frames.
    """

    rmse_cents: float | None
    voicing: float
    gross: float | None
    voiced: int
    n: int


def pitch_error(
    y: np.ndarray, reference: np.ndarray, *, sr: int, f_min: float = 60.0, f_max: float = 500.0, limit: float = 0.2
) -> PitchError:
    """Errors of pitch and voicing, frame by frame, both sounds tracked by :func:`audiogen_helpers.spectral.track_pitch`.

    Parameters
    ----------
    y, reference : np.ndarray [shape=(n,)]
        The two sounds, one voice each.
    sr : int > 0
        Sample rate, Hz.
    f_min, f_max : float, ``0 < f_min < f_max``
        Where to look for pitch, Hz.
    limit : float > 0
        An error is gross beyond this share of the reference's pitch: 0.2 is about three semitones.

    Returns
    -------
    found : PitchError
        Blind to all but pitch: another voice, vowel or instrument on the same melody has no error. The tracker's own slips count as
        the sound's, and one frame an octave off weighs in `rmse_cents` as much as 576 frames that are 50 cents off; read `gross` beside it.

    Raises
    ------
    ParameterError
        If the sounds differ in length, are not mono, empty or not finite, or another argument is out of range.

    References
    ----------
    W. Chu and A. Alwan (2009), Reducing F0 frame error of F0 tracking algorithms under noisy conditions with an unvoiced/voiced
    classification frontend, ICASSP 2009, 3969-3972 (voicing decision error, gross pitch error beyond 20 %).

    Examples
    --------
    >>> t = np.arange(8000) / 8000
    >>> found = pitch_error(np.sin(2 * np.pi * 210 * t), np.sin(2 * np.pi * 200 * t), sr=8000)
    >>> round(found.rmse_cents, 1), found.gross
    (84.5, 0.0)
    """
    y, reference = check_pair(y, reference)
    sr, limit = check_sr(sr), check_number(limit, name="limit", above=0.0)
    (_, f), (_, f_reference) = (spectral.track_pitch(x, sr=sr, f_min=f_min, f_max=f_max) for x in (y, reference))
    voiced, voiced_reference = np.isfinite(f), np.isfinite(f_reference)
    both = voiced & voiced_reference
    f, f_reference = f[both], f_reference[both]
    interval = np.asarray(units.cents(f, reference=f_reference))
    return PitchError(
        rmse_cents=float(np.sqrt(np.mean(interval**2))) if len(f) else None,
        voicing=float(np.mean(voiced != voiced_reference)),
        gross=float(np.mean(np.abs(f / f_reference - 1.0) > limit)) if len(f) else None,
        voiced=len(f),
        n=len(both),
    )
