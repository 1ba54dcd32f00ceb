"""Denoising speech, against the public package noisereduce: SI-SDR gain and STOI, in one run.

    AUDIOGEN_CORPORA=/folder/of/corpora python benchmarks/denoising.py

Speech: three LibriSpeech readers of librosa's examples, 12 s each at 22 050 Hz. The settings of `denoise` were chosen on libri1,
and with other clips of noise; so the table is made from libri2 and libri3, and `--readers libri1` shows the reader of the choice.
Noise: white, pink, and recordings of rain, sea waves, a helicopter and a crackling fire (esc10; another clip for each seed, its
ends cross-faded where it is repeated). Mixtures at 0, 5 and 10 dB over the whole clip, each with `--seeds` draws of the noise.
All sides get the mixture alone, with no clip of the noise, and their defaults. As noisereduce loses much of the speech with its
defaults, a gentler setting of it, chosen on libri1 as well, is shown too: `prop_decrease` is how much of the noise it takes away.

SI-SDR: scale-invariant ratio of signal to distortion (Le Roux and others, 2019), dB. STOI: short-time objective intelligibility
(Taal and others, 2011), by the package pystoi, times 100. Both as the change from mixture to result; higher is better.
"""

# ruff: noqa: E402 (the number of threads must be set before numpy loads)
from __future__ import annotations

import os

for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS", "NUMBA_NUM_THREADS"):
    os.environ[_name] = "1"

import argparse
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import noisereduce
import numpy as np
from pystoi import stoi

from audiogen_helpers import audio
from audiogen_helpers._files import corpora_dir
from audiogen_helpers.evaluation import si_sdr
from audiogen_helpers.transform import spectral_gate
from audiogen_helpers.transform.noise_tracking import denoise

READERS = {"libri1": "198-209-0000.ogg", "libri2": "5703-47212-0000.ogg", "libri3": "3436-172162-0000.ogg"}
RECORDED = ("rain", "sea_waves", "helicopter", "fire_crackling")
NOISES = ("white", "pink", *RECORDED)
SNRS = (0.0, 5.0, 10.0)
SECONDS = 12.0
GENTLE = 0.6  # of noisereduce: the best SI-SDR on libri1 among 0.2, 0.4, ... 1.0
Side = Callable[[np.ndarray, int], np.ndarray]

SIDES: dict[str, Side] = {
    "nr stationary": lambda y, sr: noisereduce.reduce_noise(y=y, sr=sr, stationary=True),
    "nr non-stationary": lambda y, sr: noisereduce.reduce_noise(y=y, sr=sr, stationary=False),
    "nr gentle": lambda y, sr: noisereduce.reduce_noise(y=y, sr=sr, stationary=True, prop_decrease=GENTLE),
    "spectral_gate": lambda y, sr: spectral_gate(y, sr=sr),
    "denoise": lambda y, sr: denoise(y, sr=sr),
}


def noise_of(name: str, *, length: int, sr: int, seed: int, corpora: Path) -> np.ndarray:
    """`length` samples of one noise; its level does not matter."""
    rng = np.random.default_rng(seed)
    if name in RECORDED:
        files = sorted((corpora / "esc10" / name).glob("*.ogg"))
        return looped(sounding(files[seed % len(files)], sr=sr), length=length, fade=sr // 4)
    white = rng.standard_normal(length)
    if name == "white":
        return white
    X = np.fft.rfft(white)
    X[1:] /= np.sqrt(np.arange(1, len(X)))  # power proportional to 1 / f
    X[0] = 0.0
    return np.fft.irfft(X, n=length)


def sounding(path: Path, *, sr: int) -> np.ndarray:
    """A recording without the digital silence that some clips are padded with."""
    y, rate = audio.read(path)
    y = audio.resample(audio.to_mono(y).astype(np.float64), sr=rate, to_sr=sr)
    loud = np.flatnonzero(np.abs(y) > 1e-3 * np.abs(y).max())
    return y[loud[0] : loud[-1] + 1]


def looped(y: np.ndarray, *, length: int, fade: int) -> np.ndarray:
    """`y` again and again, each round cross-faded into the next at equal power."""
    fade = min(fade, len(y) // 4)
    ramp = np.sqrt((np.arange(fade) + 0.5) / fade)
    out = np.zeros(length + 2 * len(y))
    at = 0
    while at < length:
        piece = y.copy()
        if at:
            piece[:fade] *= ramp
        piece[-fade:] *= ramp[::-1]
        out[at : at + len(y)] += piece
        at += len(y) - fade
    return out[:length]


def scores(clean: np.ndarray, y: np.ndarray, sr: int) -> np.ndarray:
    return np.array([si_sdr(y - y.mean(), clean - clean.mean(), sr=sr), 100.0 * stoi(clean, y, sr)])


def measure(reader: str, *, seeds: int, corpora: Path, spent: dict[str, float]) -> dict[tuple[str, float], dict[str, list[np.ndarray]]]:
    """Changes of both scores for each (noise, SNR) and side, one row for each seed; `before` holds the scores of the mixtures."""
    clean, sr = audio.read(corpora / "librosa-examples" / READERS[reader], duration=SECONDS)
    clean = audio.to_mono(clean).astype(np.float64)
    found: dict[tuple[str, float], dict[str, list[np.ndarray]]] = {}
    for name in NOISES:
        for seed in range(seeds):
            noise = noise_of(name, length=len(clean), sr=sr, seed=seed, corpora=corpora)
            for snr in SNRS:
                mixture = clean + noise * np.sqrt(np.mean(clean**2) / np.mean(noise**2)) * 10.0 ** (-snr / 20.0)
                before = scores(clean, mixture, sr)
                rows = found.setdefault((name, snr), {})
                rows.setdefault("before", []).append(before)
                for side, run in SIDES.items():
                    start = time.perf_counter()
                    result = run(mixture, sr)
                    spent[side] += time.perf_counter() - start
                    rows.setdefault(side, []).append(scores(clean, result, sr) - before)
    return found


def table(found: dict[tuple[str, float], dict[str, list[np.ndarray]]]) -> list[str]:
    """One line for each noise and SNR, then the means for each SNR and over all."""
    columns = ["before", *SIDES]
    lines = ["noise           SNR  " + "".join(f"{name:>20s}" for name in columns), " " * 21 + "      SI-SDR    STOI" * len(columns)]

    def line(name: str, snr: str, rows: dict[str, list[np.ndarray]]) -> str:
        means = [np.mean(rows[column], axis=0) for column in columns]
        return f"{name:15s} {snr:>3s}  " + "".join(f"{m[0]:12.2f}{m[1]:8.2f}" for m in means)

    for (name, snr), rows in found.items():
        lines.append(line(name, f"{snr:.0f}", rows))
    for snr in SNRS:
        pooled = {c: [r for (_, s), rows in found.items() if s == snr for r in rows[c]] for c in columns}
        lines.append(line("MEAN", f"{snr:.0f}", pooled))
    return [*lines, line("MEAN", "all", {c: [r for rows in found.values() for r in rows[c]] for c in columns})]


def verdict(found: dict[tuple[str, float], dict[str, list[np.ndarray]]]) -> list[str]:
    """Where `denoise` is not ahead of every setting of noisereduce, in the mean over readers and seeds."""
    behind = []
    for (name, snr), rows in found.items():
        for k, score in enumerate(("SI-SDR", "STOI")):
            mine = np.mean(rows["denoise"], axis=0)[k]
            best = max((float(np.mean(rows[s], axis=0)[k]), s) for s in SIDES if s.startswith("nr"))
            if mine <= best[0]:
                behind.append(f"  {name} at {snr:.0f} dB, {score}: {mine:+.2f} against {best[0]:+.2f} of {best[1]}")
    n = 2 * len(found)
    return [f"denoise is ahead of all three settings of noisereduce in {n - len(behind)} of {n} means; behind in:", *(behind or ["  none"])]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--readers", nargs="+", default=["libri2", "libri3"], choices=READERS, help="speech (libri2 libri3)")
    parser.add_argument("--seeds", type=int, default=3, help="draws of each noise (3)")
    arguments = parser.parse_args()
    corpora = corpora_dir()
    if corpora is None or not (corpora / "librosa-examples").is_dir() or not (corpora / "esc10").is_dir():
        parser.exit(2, "set AUDIOGEN_CORPORA to a folder that holds librosa-examples and esc10\n")
    found: dict[tuple[str, float], dict[str, list[np.ndarray]]] = {}
    spent = dict.fromkeys(SIDES, 0.0)
    for reader in arguments.readers:
        for key, rows in measure(reader, seeds=arguments.seeds, corpora=corpora, spent=spent).items():
            for column, values in rows.items():
                found.setdefault(key, {}).setdefault(column, []).extend(values)
    print(f"Readers {', '.join(arguments.readers)}, {SECONDS:g} s each, {arguments.seeds} draws of each noise. Changes, STOI times 100.")
    print(f"noisereduce {version('noisereduce')}, pystoi {version('pystoi')}, one thread. nr gentle: stationary, prop_decrease={GENTLE:g}.")
    print(*table(found), *verdict(found), sep="\n")
    seconds = SECONDS * sum(len(rows["before"]) for rows in found.values())
    print("times real time: " + ", ".join(f"{side} {seconds / used:.0f}" for side, used in spent.items()))


if __name__ == "__main__":
    main()
