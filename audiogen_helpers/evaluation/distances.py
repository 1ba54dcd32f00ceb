r"""How far one sound is from the sound that it should be: distances of a pair, sample by sample or frame by frame.

They judge what has a right answer: a vocoder's copy, a denoiser's output, a codec. Each is blind to something, so no one of them is
enough; what it cannot hear stands in its docstring, and is tested. Conventions: `y` and `reference` are mono waveforms of equal length,
`sr` is their rate; spectra are those of :func:`pair_spec`.

Chapter: chapters/practice/generation.ipynb
"""

from __future__ import annotations

import math

import numpy as np

from audiogen_helpers import spectral
from audiogen_helpers._validation import check_audio, check_integer, check_number, check_sr
from audiogen_helpers.errors import ParameterError
from audiogen_helpers.evaluation.alignment import align as align_frames
from audiogen_helpers.spectral import MelSpec

__all__ = ["check_pair", "log_spectral_distance", "mel_cepstral_distortion", "mel_cepstrum", "pair_spec", "si_sdr", "spectral_convergence"]

MIN_SR = 2000
N_MELS = 40
ORDER = 13  # coefficients of the mel-cepstrum, without that of the level
MCD_CONSTANT = 10.0 * math.sqrt(2.0) / math.log(10.0)  # 6.14 dB


def pair_spec(sr: int) -> MelSpec:
    """The spectra that pairs are compared by: frames of the longest power of two within 32 ms, every quarter of one; 40 mel bands.

    Parameters
    ----------
    sr : int >= 2000
        Sample rate, Hz.

    Returns
    -------
    spec : MelSpec

    Raises
    ------
    ParameterError
        If `sr` is lower.

    Examples
    --------
    >>> [(spec.n_fft, spec.hop_length, spec.n_mels) for spec in map(pair_spec, (8000, 44100))]
    [(256, 64, 40), (1024, 256, 40)]
    """
    sr = check_sr(sr)
    if sr < MIN_SR:
        raise ParameterError(f"sr must be >= {MIN_SR} for spectra to be compared; received {sr}")
    n_fft = 2 ** math.floor(math.log2(0.032 * sr))
    return MelSpec(sr=sr, n_fft=n_fft, hop_length=n_fft // 4, n_mels=N_MELS)


def log_spectral_distance(y: np.ndarray, reference: np.ndarray, *, sr: int, floor_db: float = -80.0) -> float:
    r"""Log-spectral distance: how many dB two spectra differ by, root mean square over frequencies, mean over frames.

    Parameters
    ----------
    y, reference : np.ndarray [shape=(n,)]
        The two sounds.
    sr : int >= 2000
        Sample rate, Hz.
    floor_db : float < 0
        Magnitudes below this many dB re a full-scale sine count as that.

    Returns
    -------
    distance : float >= 0
        dB, :math:`\frac1T \sum_t \big(\frac1F \sum_f (20 \log_{10} |Y_{tf}| / |R_{tf}|)^2\big)^{1/2}`. The same both ways; a change of
        level by g dB gives g. Blind to phase: partials that start elsewhere in their period cost nothing. Deaf to loudness: hiss in
        pauses, 35 dB below the voice, can count more than every vowel wrong.

    Raises
    ------
    ParameterError
        If the sounds differ in length, are not mono, empty or not finite, or `sr` is too low.

    References
    ----------
    A. H. Gray and J. D. Markel (1976), Distance measures for speech processing, IEEE Trans. Acoust. Speech Signal Process. 24(5), 380-391.

    Examples
    --------
    >>> y = np.random.default_rng(0).uniform(-0.5, 0.5, 8000)
    >>> round(log_spectral_distance(0.5 * y, y, sr=8000), 2), log_spectral_distance(-y, y, sr=8000)
    (6.02, 0.0)
    """
    y, reference = check_pair(y, reference)
    spec = pair_spec(sr)
    floor_db = check_number(floor_db, name="floor_db", below=0.0)
    full = spec.n_fft / 4.0  # what a full-scale sine reaches
    L, R = (20.0 * np.log10(np.maximum(np.abs(spectral.stft(x, spec)) / full, 10.0 ** (floor_db / 20.0))) for x in (y, reference))
    return float(np.sqrt(np.mean((L - R) ** 2, axis=0)).mean())


def spectral_convergence(y: np.ndarray, reference: np.ndarray, *, sr: int) -> float:
    """Spectral convergence: distance of the magnitudes of `y` from those of `reference`, relative to the latter.

    Parameters
    ----------
    y, reference : np.ndarray [shape=(n,)]
        The two sounds.
    sr : int >= 2000
        Sample rate, Hz.

    Returns
    -------
    error : float >= 0
        ``|| |Y| - |R| || / || |R| ||`` (:func:`audiogen_helpers.spectral.spectral_convergence`): 0 for equal magnitudes, 1 for
        silence, ``inf`` for sound where there should be silence. Blind to phase, and nearly so to all that is 30 dB below the loudest
        partials: a recording may lose every consonant and read 0.03.

    Raises
    ------
    ParameterError
        As for :func:`log_spectral_distance`.

    References
    ----------
    N. Sturmel and L. Daudet (2011), Signal reconstruction from STFT magnitude: a state of the art, DAFx-11.

    Examples
    --------
    >>> y = np.random.default_rng(0).uniform(-0.5, 0.5, 8000)
    >>> round(spectral_convergence(0.9 * y, y, sr=8000), 6), spectral_convergence(0.0 * y, y, sr=8000)
    (0.1, 1.0)
    """
    y, reference = check_pair(y, reference)
    spec = pair_spec(sr)
    return float(spectral.spectral_convergence(y, np.abs(spectral.stft(reference, spec)), spec))


def mel_cepstrum(y: np.ndarray, *, sr: int, order: int = ORDER) -> np.ndarray:
    r"""Mel-cepstrum, by filter bank: the cosine series of the logarithm of the mel spectrum over the bands.

    Parameters
    ----------
    y : np.ndarray [shape=(n,)]
        Waveform.
    sr : int >= 2000
        Sample rate, Hz.
    order : int, 1 to 39
        Coefficients beside the first, which is the level.

    Returns
    -------
    C : np.ndarray [shape=(1 + order, frames), float64]
        The :math:`c_k` of :math:`\ln M_b = c_0 + \sum_{k=1}^{39} c_k \cos(\pi k (b + \tfrac12) / 40)`, where :math:`M_b` is the mel
        amplitude of band b of 40 (not below -80 dB re a full-scale sine).

    Raises
    ------
    ParameterError
        If an argument is out of range.

    Examples
    --------
    >>> C = mel_cepstrum(np.random.default_rng(0).uniform(-0.5, 0.5, 8000), sr=8000)
    >>> C.shape
    (14, 126)
    """
    y, spec = check_audio(y, mono=True).astype(np.float64), pair_spec(sr)
    order = check_integer(order, name="order", low=1, high=N_MELS - 1)
    C = spectral.mfcc(y, spec, n_mfcc=1 + order) * (math.log(10.0) / 20.0 * math.sqrt(2.0 / N_MELS))  # decibels to natural logarithms
    C[0] /= math.sqrt(2.0)
    return C


def mel_cepstral_distortion(y: np.ndarray, reference: np.ndarray, *, sr: int, order: int = ORDER, align: bool = False) -> float:
    r"""Mel-cepstral distortion (MCD): how many dB two spectral envelopes differ by, whatever their level; mean over frames.

    Parameters
    ----------
    y, reference : np.ndarray [shape=(n,)]
        The two sounds; with `align` their lengths may differ.
    sr : int >= 2000
        Sample rate, Hz.
    order : int, 1 to 39
        K below. Few coefficients see the resonances only, many the partials too.
    align : bool
        Whether frames are paired by dynamic time warping (:func:`audiogen_helpers.evaluation.align`) rather than by the clock.

    Returns
    -------
    distortion : float >= 0
        dB, :math:`\frac{10 \sqrt 2}{\ln 10} \frac1T \sum_t \big(\sum_{k=1}^{K} (c_{kt} - \hat c_{kt})^2\big)^{1/2}`, with the c of
        :func:`mel_cepstrum`. With K = 39 a frame's term is the standard deviation, over the 40 bands, of the difference in dB. Figures
        from other mel-cepstra are not comparable. Blind to pitch and level: a wrong melody on the right vowels reads nearly as well as
        the right one; with `align` blind to timing too.

    Raises
    ------
    ParameterError
        As for :func:`log_spectral_distance`; or if the sounds are too long to be aligned.

    References
    ----------
    R. Kubichek (1993), Mel-cepstral distance measure for objective speech quality assessment, IEEE Pacific Rim Conf. Communications,
    Computers and Signal Processing, vol. 1, 125-128.

    Examples
    --------
    >>> y = np.random.default_rng(0).uniform(-0.5, 0.5, 8000)
    >>> round(mel_cepstral_distortion(0.3 * y, y, sr=8000), 9), mel_cepstral_distortion(y[:7000], y, sr=8000, align=True) < 0.5
    (0.0, True)
    """
    y, reference = check_pair(y, reference, same_length=not align)
    A, B = (mel_cepstrum(x, sr=sr, order=order)[1:].T for x in (y, reference))
    if align:
        i, j = align_frames(A, B).T
        A, B = A[i], B[j]
    return MCD_CONSTANT * float(np.sqrt(np.sum((A - B) ** 2, axis=1)).mean())


def si_sdr(y: np.ndarray, reference: np.ndarray, *, sr: int) -> float:
    r"""Scale-invariant signal-to-distortion ratio (SI-SDR): how much of `y` is the reference, at whatever level.

    Parameters
    ----------
    y, reference : np.ndarray [shape=(n,)]
        The two sounds; `reference` not silent.
    sr : int > 0
        Sample rate, Hz. It does not matter here: all distances of pairs are called alike.

    Returns
    -------
    ratio : float
        dB, :math:`10 \log_{10} \|\alpha r\|^2 / \|y - \alpha r\|^2` with :math:`\alpha = y^T r / \|r\|^2`; ``inf`` where `y` is a
        multiple of the reference, ``-inf`` where it holds nothing of it. Deaf to what the ear does: a delay of one sample, phase, or a
        constant (take the mean off first) is punished though no one hears it; a wrong level and an inverted sign are not.

    Raises
    ------
    ParameterError
        If the sounds differ in length, are not mono, empty or not finite, or `reference` is silent.

    References
    ----------
    J. Le Roux, S. Wisdom, H. Erdogan and J. R. Hershey (2019), SDR - half-baked or well done?, ICASSP 2019, 626-630.

    Examples
    --------
    >>> r = np.array([1.0, 1.0, -1.0, -1.0])
    >>> round(si_sdr(2.0 * r + 0.2 * np.array([1.0, -1.0, 1.0, -1.0]), r, sr=8000), 6), si_sdr(0.5 * r, r, sr=8000)
    (20.0, inf)
    """
    y, reference = check_pair(y, reference)
    check_sr(sr)
    peaks = [float(np.abs(x).max()) for x in (y, reference)]
    if not peaks[1]:
        raise ParameterError("reference must not be silent; received zeros only")
    if not peaks[0]:
        return -math.inf
    y, reference = y / peaks[0], reference / peaks[1]  # neither level counts; no square underflows
    target = reference * (np.dot(y, reference) / np.dot(reference, reference))
    signal, distortion = float(np.sum(target**2)), float(np.sum((y - target) ** 2))
    if not signal or not distortion:
        return math.inf if signal else -math.inf
    return 10.0 * math.log10(signal / distortion)


def check_pair(y: np.ndarray, reference: np.ndarray, *, same_length: bool = True) -> tuple[np.ndarray, np.ndarray]:
    """The two waveforms as float64 ``(n,)``."""
    a, b = check_audio(y, mono=True), check_audio(reference, name="reference", mono=True)
    if same_length and len(a) != len(b):
        raise ParameterError(f"reference must have the length of y, {len(a)} samples; received {len(b)}")
    return a.astype(np.float64), b.astype(np.float64)
