"""Mel inversion against librosa: seconds and errors on the same batch of 20 one-second clips at 8 kHz, 32 iterations.

    AUDIOGEN_CORPORA=/folder/of/corpora python benchmarks/mel_inversion.py

The clips are real recordings (fsdd, two per digit, cut or zero-padded to one second); where that corpus is absent, the
bundled synthetic digits, and the first line says so. Both sides run in this process in turns, so that a busy machine
slows both, on one thread: the variables below are read by OpenBLAS, MKL, OpenMP and numba when they load, hence before
numpy; the FFTs of numpy and scipy use one thread unless told otherwise. The first, untimed call of each side compiles
and fills its caches. Seconds are medians of wall time; the ratio of processor time is given too, because waiting for a
busy machine does not count in it.

error = ||mel(y) - M|| / ||M|| over the batch; dB = root mean square difference of the log-mel values, floor at -80 dB.

With ``--phases``: where the phases start, and how the sound ends, each clip against the recording that its mel spectrum was made of.

random    a random phase per bin and frame             turning   each bin at the frequency around it, from a random phase
slopes    the heap, frequencies by slopes (PGHI)        centres   the heap, frequencies by centres of energy
default   centres, and partials for the high part
error, dB as above; SC of the magnitudes; LSD dB; low, high: periodicity (dB of r / (1 - r), r the correlation with a pitch period
later) below 1000 Hz and above 1200 Hz, less the recording's, over its voiced frames; fast: root mean square difference of the
modulation spectra of 16 bands from 64 to 400 Hz, dB, which hear a buzz turn into a hiss; echo: level of the 20 ms before onsets,
less the recording's, dB. Where AUDIOGEN_CORPORA holds librosa-examples, the three readers too, 4 s each at 16 kHz.
"""

# ruff: noqa: E402 (the number of threads must be set before numpy loads)
from __future__ import annotations

import os

for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS", "NUMBA_NUM_THREADS"):
    os.environ[_name] = "1"

import argparse
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from unittest import mock

import librosa
import numpy as np

from audiogen_helpers import audio, datasets, evaluation, spectral
from audiogen_helpers.spectral import inversion, phases

N_CLIPS, SR, N_ITER = 20, 8000, 32
SETTINGS = ((512, 128, 64), (1024, 64, 128))


def real_clips() -> tuple[np.ndarray, str]:
    """Clips ``(20, 8000)`` float32, evenly from the sorted corpus, and a sentence about them."""
    dataset = datasets.load(datasets.best("fsdd", "digits"))
    chosen = dataset.subset(np.linspace(0, len(dataset) - 1, N_CLIPS).round().astype(int))
    Y, _ = chosen.arrays(length=SR, sr=SR)
    note = "" if dataset.name == "fsdd" else " THESE CLIPS ARE SYNTHETIC: set AUDIOGEN_CORPORA to a folder that holds fsdd."
    return Y, dataset.describe() + note


def measure(sides: dict[str, Callable[[], np.ndarray]], *, n_runs: int) -> dict[str, tuple[np.ndarray, float, float]]:
    """For each side its result, and the medians of its wall time and processor time, s."""
    results = {name: run() for name, run in sides.items()}
    wall: dict[str, list[float]] = {name: [] for name in sides}
    cpu: dict[str, list[float]] = {name: [] for name in sides}
    for _ in range(n_runs):
        for name, run in sides.items():
            before = time.perf_counter(), time.process_time()
            run()
            wall[name].append(time.perf_counter() - before[0])
            cpu[name].append(time.process_time() - before[1])
    return {name: (results[name], float(np.median(wall[name])), float(np.median(cpu[name]))) for name in sides}


def errors(y: np.ndarray, Y: np.ndarray, spec: spectral.MelSpec) -> tuple[float, float]:
    """Relative error of the mel spectrum, and root mean square error of its decibels."""
    M = spectral.mel(Y, spec)
    difference = spectral.log_mel(y, spec) - spectral.log_mel(Y, spec)
    return float(np.linalg.norm(spectral.mel(y, spec) - M) / np.linalg.norm(M)), float(np.sqrt(np.mean(difference**2)))


def compare(Y: np.ndarray, spec: spectral.MelSpec, *, n_runs: int) -> list[str]:
    """Two rows of the table."""
    M = librosa.feature.melspectrogram(y=Y, sr=SR, n_fft=spec.n_fft, hop_length=spec.hop_length, n_mels=spec.n_mels, power=spec.power)
    np.testing.assert_allclose(spectral.mel(Y, spec), M, rtol=1e-3, atol=1e-5 * M.max())
    found = measure(
        {
            "librosa": lambda: librosa.feature.inverse.mel_to_audio(
                M, sr=SR, n_fft=spec.n_fft, hop_length=spec.hop_length, power=spec.power, n_iter=N_ITER, length=Y.shape[1]
            ),
            "audiogen": lambda: spectral.mel_to_audio(M, spec, n_iter=N_ITER, rng=0, length=Y.shape[1]),
        },
        n_runs=n_runs,
    )
    rows = []
    for name, (y, wall, cpu) in found.items():
        error, db = errors(y, Y, spec)
        times, cpu_times = found["librosa"][1] / wall, found["librosa"][2] / cpu
        setting = f"{spec.n_fft:5d} {spec.hop_length:4d} {spec.n_mels:5d} {spec.power:6.0f}"
        per_clip = 1e3 * wall / N_CLIPS
        rows.append(f"{setting}  {name:9s} {wall:8.3f} {per_clip:8.1f} {times:7.1f} {cpu_times:7.1f} {error:8.4f} {db:7.2f}")
    return rows


def at_random(S: np.ndarray, *_: object) -> np.ndarray:
    return np.random.default_rng(0).random(S.shape).astype(S.dtype)


def turning(_: np.ndarray, turns: np.ndarray, __: spectral.MelSpec, offsets: np.ndarray) -> np.ndarray:
    return (np.cumsum(turns, axis=1) + offsets).astype(turns.dtype) % 1.0


STARTS = {
    "random": {"put_together": at_random, "_LOW_HZ": 1e9},
    "turning": {"put_together": turning, "_LOW_HZ": 1e9},
    "slopes": {"turns_by_centre": phases.turns_by_slope, "_LOW_HZ": 1e9},
    "centres": {"_LOW_HZ": 1e9},
    "default": {"_LOW_HZ": inversion._LOW_HZ},
}


def bandpass(y: np.ndarray, low: float, high: float, *, sr: int, width: float) -> np.ndarray:
    """The analytic signal of a band with sloping edges."""
    f = np.fft.fftfreq(len(y), 1.0 / sr)
    return np.fft.ifft(2.0 * np.fft.fft(y) * np.clip((f - low) / width + 0.5, 0.0, 1.0) * np.clip((high - f) / width + 0.5, 0.0, 1.0))


def modulations(y: np.ndarray, *, sr: int) -> tuple[np.ndarray, np.ndarray]:
    """Energy of the envelopes of 16 bands in three ranges of modulation, dB of each band's, and the bands' energies."""
    edges = (10.0 ** (np.linspace(3.37, 21.4 * np.log10(1.0 + 0.00437 * 0.45 * sr), 17) / 21.4) - 1.0) / 0.00437
    E = np.abs([bandpass(y, a, b, sr=sr, width=0.5 * (b - a)) for a, b in pairwise(edges)])
    P = np.square(np.abs(np.fft.rfft((E - E.mean(axis=1, keepdims=True)) * np.hanning(len(y)))))
    f, energy = np.fft.rfftfreq(len(y), 1.0 / sr), np.square(E).mean(axis=1)
    total = energy * len(y) * np.square(np.hanning(len(y))).sum() / 2.0 + 1e-20
    parts = [P[:, (f >= a) & (f < b)].sum(axis=1) / total for a, b in ((64, 128), (128, 256), (256, 400))]
    return 10.0 * np.log10(np.array(parts) + 1e-3), energy


def periodicity(y: np.ndarray, times: np.ndarray, f0: np.ndarray, *, sr: int) -> np.ndarray:
    """Of each voiced frame, dB; NaN for others."""
    out = np.full(len(f0), np.nan)
    for i in np.flatnonzero(f0 > 0.0):
        lags = np.arange(int(0.94 * sr / f0[i]), int(np.ceil(1.06 * sr / f0[i])) + 1)
        width = int(2.0 * sr / f0[i])
        start = int(times[i] * sr) - (width + lags[-1]) // 2
        if start >= 0 and start + width + lags[-1] <= len(y):
            a, b = y[start : start + width], np.lib.stride_tricks.sliding_window_view(y[start:], width)[lags]
            r = np.clip((b @ a / np.sqrt(np.square(b).sum(axis=1) * (a @ a) + 1e-20)).max(), 0.01, 0.999)
            out[i] = 10.0 * np.log10(r / (1.0 - r))
    return out


def before_onsets(y: np.ndarray, z: np.ndarray, *, sr: int) -> list[float]:
    """Level of `z` in the 20 ms before each onset of `y`, less that of `y`, dB. An onset: 10 dB up within 5 ms, near the peak level."""
    n = sr // 200
    level = 10.0 * np.log10(np.square(y[: len(y) // n * n].reshape(-1, n)).mean(axis=1) + 1e-12)
    found: list[float] = []
    for i in range(4, len(level) - 6):
        if level[i] > max(level.max() - 25.0, level[i - 4 : i].max() + 10.0):
            part, faint = slice((i - 4) * n, i * n - n // 2), 1e-8 * np.square(y[i * n : (i + 6) * n]).mean()
            before, original = (np.square(x[part]).mean() + faint for x in (z, y))
            found.append(float(10.0 * np.log10(before / original)))
    return found


def listen(y: np.ndarray, z: np.ndarray, spec: spectral.MelSpec) -> list[float]:
    """The numbers of one clip `z` whose recording is `y`."""
    sr, (times, f0) = spec.sr, spectral.track_pitch(y, sr=spec.sr)
    row = [*errors(z, y, spec), spectral.spectral_convergence(z, np.abs(spectral.stft(y, spec)), spec)]
    row.append(evaluation.log_spectral_distance(z, y, sr=sr))
    for low, high in ((60.0, 1000.0), (1200.0, 0.45 * sr)):
        a, b = (periodicity(bandpass(x, low, high, sr=sr, width=100.0).real, times, f0, sr=sr) for x in (y, z))
        row.append(float(np.nanmean(b - a)) if np.isfinite(b - a).any() else np.nan)
    (A, energy), (B, _) = modulations(y, sr=sr), modulations(z, sr=sr)
    row.append(float(np.sqrt(np.mean(np.square(A - B)[:, energy > 1e-4 * energy.max()]))))
    return [*row, float(np.mean(before_onsets(y, z, sr=sr) or [np.nan]))]


def compare_starts(title: str, clips: list[np.ndarray], spec: spectral.MelSpec) -> None:
    """A table of the starts of the phases."""
    print(f"\n{title}\nstart    n_iter   error      dB      SC     LSD     low    high    fast    echo", flush=True)
    for name, changes in STARTS.items():
        for n_iter in (0, 8, N_ITER) if name in ("slopes", "centres", "default") else (N_ITER,):
            with mock.patch.multiple(inversion, **changes):
                copies = [spectral.log_mel_to_audio(spectral.log_mel(y, spec), spec, n_iter=n_iter, rng=0, length=len(y)) for y in clips]
            numbers = np.nanmean(
                [listen(y.astype(np.float64), z.astype(np.float64), spec) for y, z in zip(clips, copies, strict=True)], axis=0
            )
            print(f"{name:8s} {n_iter:6d} " + " ".join(f"{x:7.3f}" for x in numbers), flush=True)


def starts(Y: np.ndarray) -> None:
    ends = [max(2000, int(np.flatnonzero(y)[-1]) + 1) for y in Y]
    compare_starts(f"{N_CLIPS} clips at {SR} Hz", [y[:end] for y, end in zip(Y, ends, strict=True)], spectral.MelSpec(sr=SR))
    paths = sorted(Path(os.environ.get("AUDIOGEN_CORPORA", ".")).glob("librosa-examples/*-*-0000.ogg"))
    if paths:
        read = [audio.read(path, mono=True) for path in paths]
        clips = [audio.resample(y, sr=sr, to_sr=16000)[:64000].astype(np.float32) for y, sr in read]
        spec = spectral.MelSpec(sr=16000, n_fft=1024, hop_length=256, n_mels=80)
        compare_starts(f"{len(clips)} readers at 16000 Hz", clips, spec)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=5, help="timed runs of each side (5)")
    parser.add_argument("--phases", action="store_true", help="compare where the phases start, by what is heard")
    arguments = parser.parse_args()
    Y, sentence = real_clips()
    if arguments.phases:
        print(sentence)
        starts(Y)
        return
    print(f"{N_CLIPS} clips of 1 s at {SR} Hz. {sentence}")
    print(f"One thread, {N_ITER} iterations, medians of {arguments.runs} runs. numpy {np.__version__}, librosa {librosa.__version__}.")
    print("n_fft  hop  mels  power  side       seconds  ms/clip   times    (cpu)   error      dB")
    for n_fft, hop_length, n_mels in SETTINGS:
        for power in (1, 2):
            spec = spectral.MelSpec(sr=SR, n_fft=n_fft, hop_length=hop_length, n_mels=n_mels, power=power)
            print(*compare(Y, spec, n_runs=arguments.runs), sep="\n", flush=True)


if __name__ == "__main__":
    main()
