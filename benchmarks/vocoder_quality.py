"""The statistical vocoder: what its tracks keep of real speech, how well they find a pitch that is known, and how long they take.

    AUDIOGEN_CORPORA=/folder/of/corpora python benchmarks/vocoder_quality.py

Copy synthesis: clips (test split of fsdd; the bundled synthetic digits where that corpus is absent, and the first line says so) are taken
apart and put together again from the tracks alone, for several settings; then as a whisper, as a robot, and through the feature matrix.

recognised  share of clips that the recogniser trained on the clips' own corpus (train split) still understands
score       inception score of the clips by that recogniser (at most the number of labels)
LSD         root mean square difference of two power spectra in dB: 32 equal bands, frames of 32 ms, floor 70 dB below the clip's peak.
            Not 0 even for noise against noise of the same spectrum (the last row says how much), because noise is drawn anew.
level       mean absolute difference of the RMS in windows of 20 ms, dB
analysis, synthesis   seconds of processor time for 3000 clips on one thread

Pitch: synthetic voices (`synthesis.voice`), whose pitch is known, clean and with white noise 25 dB below. missed: frames with a voice that
were taken for unvoiced; false: the reverse; error: median, cents (the voices tremble by about as much); gross: share of errors above a
fifth of the pitch. Beside it the tracker of `spectral.track_pitch` (YIN).
"""

# ruff: noqa: E402 (the number of threads must be set before numpy loads)
from __future__ import annotations

import os

for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS", "NUMBA_NUM_THREADS"):
    os.environ[_name] = "1"

import argparse
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from scipy.signal import stft

from audiogen_helpers import audio, datasets, evaluation, spectral
from audiogen_helpers.statistical import vocoder
from audiogen_helpers.synthesis.voice.planning import plan
from audiogen_helpers.synthesis.voice.speaking import render_controls

SETTINGS = ((10, 0.005), (12, 0.005), (16, 0.005), (10, 0.008), (12, 0.008), (16, 0.008), (10, 0.01), (12, 0.01), (16, 0.01))
SENTENCES = ("HH AH0 L OW1 W ER1 L D", "S EH1 V AH0 N", "TH R IY1", "W IH1 CH IH1 Z DH AH0 W EY1", "F AY1 V S IH1 K S EY1 T")


def log_spectral_distance(y: np.ndarray, z: np.ndarray, *, sr: int) -> float:
    """As the head of this file says, dB."""
    n = round(0.032 * sr) // 64 * 64
    powers = []
    for x in (y, z):
        spectrum = np.square(np.abs(stft(x, nperseg=n, noverlap=3 * n // 4)[2][1:]))
        powers.append(spectrum.reshape(32, -1, spectrum.shape[1]).sum(axis=1))
    floor = 1e-7 * powers[0].max()
    return float(np.sqrt(np.mean(np.square(10.0 * np.log10((powers[0] + floor) / (powers[1] + floor))))))


def level_difference(y: np.ndarray, z: np.ndarray, *, sr: int) -> float:
    """Mean absolute difference of levels in windows of 20 ms within 50 dB of the loudest, dB."""
    step = sr // 100
    n = max(1, len(y) // step - 1)
    rms = [np.sqrt([np.mean(np.square(x[i * step : (i + 2) * step])) for i in range(n)]) for x in (y, z)]
    loud = rms[0] > 0.00316 * rms[0].max()
    return float(np.mean(np.abs(20.0 * np.log10(rms[0][loud] / np.maximum(rms[1][loud], 1e-9)))))


def row(name: str, clips: list[np.ndarray], copies: list[np.ndarray], labels: np.ndarray, ears: evaluation.Recogniser) -> str:
    """One row of the table."""
    length = max(map(len, clips))
    p = ears.predict_proba(np.stack([np.pad(y, (0, length - len(y))) for y in copies]).astype(np.float32), sr=8000)
    distance = np.mean([log_spectral_distance(y, z, sr=8000) for y, z in zip(clips, copies, strict=True)])
    level = np.mean([level_difference(y, z, sr=8000) for y, z in zip(clips, copies, strict=True)])
    return f"{name:28s} {np.mean(p.argmax(axis=1) == labels):10.3f} {evaluation.inception_score(p):6.2f} {distance:6.2f} {level:6.2f}"


def timed(work: Callable[[], list]) -> tuple[list, float]:
    """What it gives, and the processor time it took, s."""
    before = time.process_time()
    found = work()
    return found, time.process_time() - before


def copy_synthesis() -> None:
    source = datasets.load(datasets.best("fsdd", "digits"))
    ears = evaluation.recogniser_for(source)
    test = source.split("test")
    clips = [np.asarray(test.clip(i)[0], dtype=np.float64) for i in range(len(test))]
    labels = test.label_indices
    note = "" if source.name == "fsdd" else " THESE CLIPS ARE SYNTHETIC: set AUDIOGEN_CORPORA to a folder that holds fsdd."
    print(f"Copy synthesis of {len(clips)} clips at 8000 Hz. {test.describe()}{note}")
    print("setting                      recognised  score    LSD  level  analysis  synthesis")
    print(row("the clips", clips, clips, labels, ears))
    vocoder.analyse(clips[0], sr=8000).synthesise(rng=0)  # compiles
    per = 3000.0 / len(clips)
    for order, hop in SETTINGS:
        tracks, cost = timed(lambda order=order, hop=hop: [vocoder.analyse(y, sr=8000, order=order, hop=hop) for y in clips])
        copies, cost_back = timed(lambda tracks=tracks: [s.synthesise(rng=i) for i, s in enumerate(tracks)])
        name = f"order {order}, hop {1e3 * hop:g} ms"
        print(row(name, clips, copies, labels, ears), f"{per * cost:9.1f} {per * cost_back:10.1f}", flush=True)
    tracks = [vocoder.analyse(y, sr=8000) for y in clips]
    whisper = [s.synthesise(rng=i, voiced=False) for i, s in enumerate(tracks)]
    again = [s.synthesise(rng=1000 + i, voiced=False) for i, s in enumerate(tracks)]
    robot = [s.synthesise(rng=i, f0=100.0) for i, s in enumerate(tracks)]
    pulses = [s.synthesise(rng=i, f0=100.0, voiced=True) for i, s in enumerate(tracks)]
    features = [vocoder.from_features(vocoder.to_features(s), sr=8000, hop=s.hop, length=s.length) for s in tracks]
    print(row("order 12: through features", clips, [s.synthesise(rng=i) for i, s in enumerate(features)], labels, ears))
    print(row("whisper", clips, whisper, labels, ears))
    print(row("robot (100 Hz)", clips, robot, labels, ears))
    print(row("robot, pulses only", clips, pulses, labels, ears))
    noises = np.mean([log_spectral_distance(y, z, sr=8000) for y, z in zip(whisper, again, strict=True)])
    print(f"{'whisper against whisper':46s} {noises:6.2f}")


def pitch() -> None:
    print("\nPitch of synthetic voices (90 to 300 Hz, five utterances, 8 and 16 kHz)")
    print("tracker  noise      missed   false   error   gross")
    for name, track in (("vocoder", tracked), ("yin", by_yin)):
        for noise_db in (None, -25.0):
            rates, errors = [], []
            for sr in (8000, 16000):
                for f0 in (90.0, 120.0, 200.0, 300.0):
                    for seed, phonemes in enumerate(SENTENCES):
                        controls = plan(phonemes, sr=sr, f0=f0)
                        y = render_controls(controls, rng=seed)
                        if noise_db is not None:
                            y = y + 10 ** (noise_db / 20) * y.std() * np.random.default_rng(seed).standard_normal(len(y))
                        found = track(y, sr)
                        at = np.linspace(0.0, 0.005 * len(found), len(found), endpoint=False) / 0.005
                        f, voice = (np.interp(at, np.arange(len(x)), x) for x in (controls.f0, controls.voice))
                        on, off = voice > 0.3, voice < 0.02
                        rates.append((np.mean(found[on] == 0.0), np.mean(found[off] > 0.0) if off.any() else np.nan))
                        both = on & (found > 0.0)
                        errors.append(1200.0 * np.abs(np.log2(found[both] / f[both])))
            cents = np.concatenate(errors)
            missed, false = np.nanmean(rates, axis=0)
            gross = np.mean(cents > 1200.0 * np.log2(1.2))
            noise = "none" if noise_db is None else f"{noise_db:g} dB"
            print(f"{name:8s} {noise:8s} {missed:8.3f} {false:7.3f} {np.median(cents):7.1f} {gross:7.4f}")


def tracked(y: np.ndarray, sr: int) -> np.ndarray:
    return vocoder.analyse(y, sr=sr).f0


def by_yin(y: np.ndarray, sr: int) -> np.ndarray:
    return np.nan_to_num(spectral.track_pitch(y, sr=sr, hop=0.005)[1])


def sentences(folder: Path) -> None:
    print("\nSentences read aloud (LibriSpeech, the first 10 s), analysed again after the synthesis")
    print("clip                     sr    LSD  level  voiced  again  f0 differs  shares of the bands -> again")
    for path in sorted(folder.glob("*-*-0000.ogg")):
        y, rate = audio.read(path)
        for sr in (8000, 16000):
            z = audio.resample(audio.to_mono(y), sr=rate, to_sr=sr)[: 10 * sr].astype(np.float64)
            s = vocoder.analyse(z, sr=sr)
            copy = s.synthesise(rng=0)
            again = vocoder.analyse(copy, sr=sr)
            both = (s.f0 > 0.0) & (again.f0 > 0.0)
            cents = np.median(1200.0 * np.abs(np.log2(s.f0[both] / again.f0[both])))
            shares = [" ".join(f"{v:.2f}" for v in t.voicing[both].mean(axis=0)) for t in (s, again)]
            numbers = f"{log_spectral_distance(z, copy, sr=sr):6.2f} {level_difference(z, copy, sr=sr):6.2f}"
            voiced = f"{np.mean(s.f0 > 0.0):7.2f} {np.mean(again.f0 > 0.0):6.2f}"
            print(f"{path.stem:20s} {sr:6d} {numbers} {voiced} {cents:6.1f} cents  {shares[0]} -> {shares[1]}")


def main() -> None:
    argparse.ArgumentParser(description=__doc__.splitlines()[0]).parse_args()
    copy_synthesis()
    pitch()
    corpora = os.environ.get("AUDIOGEN_CORPORA")
    if corpora and (Path(corpora) / "librosa-examples").is_dir():
        sentences(Path(corpora) / "librosa-examples")


if __name__ == "__main__":
    main()
