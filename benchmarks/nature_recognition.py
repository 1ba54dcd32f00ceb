"""Are the sounds of `synthesis.nature` taken for the real thing? Recognisers trained on real recordings judge them.

    AUDIOGEN_CORPORA=/folder/of/corpora python benchmarks/nature_recognition.py [--seeds 20] [--sr 44100] [--cnn]

Needs `esc10` there: one folder per class, clips `{fold}-{id}-{take}.ogg`. Folds 1 and 2 train, fold 3 is held out, so that all
takes of one recording stay on one side. Four recognisers (with --cnn a fifth) see three sets of features; each is trained twice,
on clips as they are and on clips brought to one rms level. Then they name the package's rain, waves, fire, clock and helicopter,
at default settings, a new seed each; white noise, clicks at regular times and clicks at random times are judged as well.
Last come the statistics themselves: the range of the real clips (5 to 95 %) beside ours.

No recogniser takes part in making a sound.
"""

# ruff: noqa: E402 (the number of threads must be set before numpy loads)
from __future__ import annotations

import os

for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_name, "1")

import argparse
import itertools
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from scipy import fft, signal, stats

from audiogen_helpers import audio, spectral, synthesis
from audiogen_helpers._files import corpora_dir

SR, SECONDS = 44_100, 5.0
CLASS_OF = {"rain": "rain", "waves": "sea_waves", "fire": "fire_crackling", "clock": "clock_tick", "helicopter": "helicopter"}
EDGES = (0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0)  # Hz, of modulation
OCTAVES = (31.5, 63.0, 125.0, 250.0, 500.0, 1000.0, 2000.0, 4000.0, 8000.0, 16000.0)


# --- clips --------------------------------------------------------------------------------------------------------------------------


def real_clips(folder: Path, *, sr: int = SR) -> list[tuple[str, int, np.ndarray]]:
    """(class, fold, waveform) of every clip, at `SR`, without what lies above ``sr / 2``."""
    clips = []
    for path in sorted(folder.glob("*/*.ogg")):
        y = audio.read(path, sr=sr)[0].astype(np.float64)
        clips.append((path.parent.name, int(path.name[0]), at_full_rate(y, sr=sr)))
    return clips


def made_clips(n_seeds: int, *, sr: int) -> list[tuple[str, int, np.ndarray]]:
    """(sound, seed, waveform) of the package's sounds made at `sr`, at `SR`."""
    seeds = range(n_seeds)
    return [(n, k, at_full_rate(synthesis.render(n, sr=sr, duration=SECONDS, rng=k), sr=sr)) for n in CLASS_OF for k in seeds]


def at_full_rate(y: np.ndarray, *, sr: int) -> np.ndarray:
    """Resampled to `SR`."""
    return y if sr == SR else audio.resample(y, sr=sr, to_sr=SR)


def naive_clips(n_seeds: int) -> list[tuple[str, int, np.ndarray]]:
    """What costs no thought: white noise, and clicks, regular (two a second) or at random times (thirty a second)."""
    clips = []
    for seed in range(n_seeds):
        rng = np.random.default_rng(seed)
        n = round(SR * SECONDS)
        regular, chance = np.zeros(n), np.zeros(n)
        regular[:: SR // 2] = 0.5
        chance[rng.integers(0, n, 150)] = 0.5
        clips += [("white noise", seed, 0.1 * rng.standard_normal(n)), ("regular clicks", seed, regular), ("random clicks", seed, chance)]
    return clips


def levelled(y: np.ndarray) -> np.ndarray:
    """At an rms of 0.1."""
    return 0.1 * y / max(float(np.sqrt(np.mean(y**2))), 1e-9)


# --- features -----------------------------------------------------------------------------------------------------------------------


def _log_mel(y: np.ndarray, *, n_mels: int = 64, n_fft: int = 2048, hop: int = 512) -> np.ndarray:
    return spectral.log_mel(y, spectral.MelSpec(sr=SR, n_fft=n_fft, hop_length=hop, n_mels=n_mels, power=2))


def texture(y: np.ndarray) -> np.ndarray:
    """Mean, spread and skew of each log-mel band, modulation spectra of eight groups of bands, and their correlations."""
    L = np.maximum(_log_mel(y), -100.0)
    groups = L.reshape(8, 8, -1).mean(axis=1)
    power = np.square(np.abs(fft.rfft((groups - groups.mean(axis=1, keepdims=True)) * np.hanning(L.shape[1]), axis=1)))
    f = fft.rfftfreq(L.shape[1], 512 / SR)
    bands = np.stack([power[:, (f >= a) & (f < b)].sum(axis=1) for a, b in itertools.pairwise(EDGES)], axis=1)
    bands = np.log10(bands + 1e-3 * bands.sum(axis=1, keepdims=True) + 1e-9)
    noisy = L + 1e-3 * np.random.default_rng(0).standard_normal(L.shape)  # digital silence has no skew and no correlation
    skew = stats.skew(noisy, axis=1)
    corr = np.corrcoef(noisy.reshape(8, 8, -1).mean(axis=1))[np.triu_indices(8, 1)]
    return np.concatenate([L.mean(axis=1), L.std(axis=1), skew, bands.ravel(), corr])


def cepstral(y: np.ndarray) -> np.ndarray:
    """Means and spreads of 20 MFCCs, and spreads of their first and second differences."""
    L = np.maximum(_log_mel(y, n_mels=40, n_fft=1024), -100.0)
    C = fft.dct(L, axis=0, norm="ortho")[:20]
    D = C[:, 2:] - C[:, :-2]
    return np.concatenate([C.mean(axis=1), C.std(axis=1), D.std(axis=1), (D[:, 2:] - D[:, :-2]).std(axis=1)])


def envelopes(y: np.ndarray) -> np.ndarray:
    """In the manner of McDermott and Simoncelli (2011): moments and modulation of band envelopes, compressed, and correlations."""
    edges = np.geomspace(60.0, 18_000.0, 13)
    E = []
    for low, high in itertools.pairwise(edges):
        sos = signal.butter(2, (low, high), "bandpass", fs=SR, output="sos")
        fast = np.abs(signal.sosfilt(sos, y)) ** 0.6
        E.append(fast[: len(fast) // 110 * 110].reshape(-1, 110).mean(axis=1))
    E = np.array(E)
    mean = E.mean(axis=1, keepdims=True) + 1e-9
    R = E / mean - 1.0
    f, P = signal.welch(R, SR / 110, nperseg=512, axis=1)
    mod = [P[:, (f >= a) & (f < b)].sum(axis=1) for a, b in itertools.pairwise((0.5, *EDGES[2:], 64.0, 128.0))]
    corr = np.corrcoef(E + 1e-9 * np.random.default_rng(0).standard_normal(E.shape))[np.triu_indices(12, 1)]
    return np.concatenate(
        [np.log(mean[:, 0]), np.log(R.std(axis=1) + 1e-3), np.cbrt(stats.skew(E, axis=1)), np.log(np.ravel(mod) + 1e-6), corr]
    )


def _forest():  # type: ignore[no-untyped-def]
    from sklearn.ensemble import RandomForestClassifier

    return RandomForestClassifier(400, min_samples_leaf=2, random_state=0)


def _svm():  # type: ignore[no-untyped-def]
    from sklearn.calibration import CalibratedClassifierCV
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    from sklearn.svm import SVC

    return make_pipeline(StandardScaler(), CalibratedClassifierCV(SVC(C=10.0, gamma="scale"), ensemble=False))


def _logistic():  # type: ignore[no-untyped-def]
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    return make_pipeline(StandardScaler(), LogisticRegression(C=0.05, max_iter=2000))


RECOGNISERS: dict[str, tuple[Callable[[np.ndarray], np.ndarray], Callable]] = {
    "forest on texture": (texture, _forest),
    "logistic on texture": (texture, _logistic),
    "svm on mfcc": (cepstral, _svm),
    "svm on envelopes": (envelopes, _svm),
}


class Net:
    """A small convolutional net over one-second pieces of the log-mel spectrogram; a clip gets the mean of its pieces."""

    def __init__(self, *, seed: int = 0) -> None:
        self.seed = seed

    @staticmethod
    def pieces(y: np.ndarray) -> np.ndarray:
        """Shape (9, 64, 86, 1)."""
        L = (np.maximum(_log_mel(y), -100.0) + 50.0) / 20.0
        starts = np.linspace(0, L.shape[1] - 86, 9).astype(int)
        return np.stack([L[:, s : s + 86] for s in starts])[..., None]

    def fit(self, clips: list[np.ndarray], labels: np.ndarray) -> Net:
        """Train."""
        import keras

        keras.utils.set_random_seed(self.seed)
        self.classes_ = np.unique(labels)
        X = np.concatenate([self.pieces(y) for y in clips]).astype(np.float32)
        t = np.repeat(np.searchsorted(self.classes_, labels), 9)
        layers = [keras.Input(X.shape[1:]), keras.layers.GaussianNoise(0.1)]
        for n in (16, 32, 48, 64):
            layers += [
                keras.layers.Conv2D(n, 3, padding="same", use_bias=False),
                keras.layers.BatchNormalization(momentum=0.9),
                keras.layers.ReLU(),
            ]
            layers += [keras.layers.MaxPooling2D(2)]
        layers += [keras.layers.GlobalAveragePooling2D(), keras.layers.Dropout(0.4), keras.layers.Dense(len(self.classes_), "softmax")]
        self.model = keras.Sequential(layers)
        self.model.compile("adam", "sparse_categorical_crossentropy")
        self.model.fit(X, t, batch_size=64, epochs=30, verbose=0)
        return self

    def predict_proba(self, clips: list[np.ndarray]) -> np.ndarray:
        """Probabilities, shape (clips, classes)."""
        X = np.concatenate([self.pieces(y) for y in clips]).astype(np.float32)
        return self.model.predict(X, verbose=0, batch_size=256).reshape(len(clips), 9, -1).mean(axis=1)


# --- statistics ---------------------------------------------------------------------------------------------------------------------


def statistics(y: np.ndarray) -> dict[str, float]:
    """Plain figures of a clip, for people to read."""
    rms = np.sqrt(np.mean(y**2)) + 1e-12
    f, P = signal.welch(y, SR, nperseg=4096)
    found = {"rms, dBFS": 20 * np.log10(rms), "crest, dB": 20 * np.log10(np.abs(y).max() / rms)}
    for c in OCTAVES:
        inside = (f >= c / 2**0.5) & (f < c * 2**0.5)
        found[f"{c:g} Hz octave, dB"] = 10 * np.log10(P[inside].sum() / P.sum() + 1e-12)
    frames = 10 * np.log10(np.mean(y[: len(y) // 441 * 441].reshape(-1, 441) ** 2, axis=1) + 1e-12)
    q = np.percentile(frames, [5, 50, 95, 99])
    found |= {"10 ms level, 5 % - 50 %, dB": q[0] - q[1], "95 % - 50 %, dB": q[2] - q[1], "99 % - 50 %, dB": q[3] - q[1]}
    for low, high in ((200, 800), (1000, 4000), (4000, 12000)):
        band = signal.sosfilt(signal.butter(2, (low, high), "bandpass", fs=SR, output="sos"), y)
        found[f"kurtosis {low}-{high} Hz"] = float(np.mean(band**4) / np.mean(band**2) ** 2)
    sos = signal.butter(2, (200, 8000), "bandpass", fs=SR, output="sos")
    e = np.abs(signal.sosfilt(sos, y))[: len(y) // 110 * 110].reshape(-1, 110).mean(axis=1)
    fm, M = signal.welch(e / e.mean() - 1, SR / 110, nperseg=1024)
    for low, high in ((0.5, 2), (2, 8), (8, 32), (32, 128)):
        found[f"modulation {low}-{high} Hz, dB"] = 10 * np.log10(M[(fm >= low) & (fm < high)].sum() * (fm[1] - fm[0]) + 1e-9)
    groups = np.maximum(_log_mel(y), -100.0).reshape(8, 8, -1).mean(axis=1)[1:7]
    groups = groups + 1e-3 * np.random.default_rng(0).standard_normal(groups.shape)
    found["correlation of bands"] = float(np.mean(np.corrcoef(groups)[np.triu_indices(6, 1)]))
    return found


def print_statistics(real: list, made: list) -> None:
    """A table per sound: the range of real clips beside ours."""
    for name, label in CLASS_OF.items():
        theirs = [statistics(y) for c, _, y in real if c == label and np.mean(np.abs(y) < 1e-7) < 0.05]
        ours = [statistics(y) for n, _, y in made if n == name]
        print(f"\n{name}: statistic                       real 5 %   50 %   95 %     ours 5 %   50 %   95 %")
        for key in theirs[0]:
            a, b = ([np.percentile([s[key] for s in clips], q) for q in (5, 50, 95)] for clips in (theirs, ours))
            mark = "" if a[0] <= b[1] <= a[2] else "  outside"
            print(f"{key:38s} {a[0]:8.1f} {a[1]:6.1f} {a[2]:6.1f}     {b[0]:8.1f} {b[1]:6.1f} {b[2]:6.1f}{mark}")


# --- the judgement ------------------------------------------------------------------------------------------------------------------


def judge(title: str, probabilities: np.ndarray, classes: np.ndarray, others: list) -> None:
    """Print, sound by sound, how often the right class came first and what else did."""
    order = np.argsort(-probabilities, axis=1)
    print(f"{title}")
    for name in dict.fromkeys(n for n, _, _ in others):
        rows = [i for i, (n, _, _) in enumerate(others) if n == name]
        firsts, counts = np.unique(classes[order[rows, 0]], return_counts=True)
        told = ", ".join(f"{c} {k}" for k, c in sorted(zip(counts, firsts, strict=True), reverse=True))
        if name in CLASS_OF:
            right = CLASS_OF[name]
            share = np.mean(classes[order[rows, 0]] == right)
            mean = probabilities[rows, list(classes).index(right)].mean()
            print(f"  {name:15s} right {share:5.0%}   mean probability {mean:.2f}   heard: {told}")
        else:
            print(f"  {name:15s}                                       heard: {told}")


def distances(features: np.ndarray, train: np.ndarray, held: np.ndarray, labels: np.ndarray, others: list, made: np.ndarray) -> None:
    """Print how far each sound is from the nearest held-out real clips of its class, next to real clips and naive sounds."""
    scale = features[train].std(axis=0) + 1e-6
    metric = lambda A, B: np.sqrt(np.mean(np.square((A[:, None] - B[None]) / scale), axis=2))  # noqa: E731
    names = [n for n, _, _ in others]
    print("  distance to the nearest held-out clip of the class (median; real = train clips of the class)")
    for name, label in CLASS_OF.items():
        target = features[held & (labels == label)]
        near = lambda F: np.median(metric(F, target).min(axis=1))  # noqa: B023, E731
        row = {n: near(made[[i for i, m in enumerate(names) if m == n]]) for n in (name, "white noise", "regular clicks", "random clicks")}
        told = "  ".join(f"{n} {v:.2f}" for n, v in row.items() if n != name)
        print(f"    {name:11s} real {near(features[train & (labels == label)]):.2f}  ours {row[name]:.2f}  {told}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=20, help="clips of each sound (20)")
    parser.add_argument("--sr", type=int, default=SR, help="rate to which real clips are brought and at which ours are made, Hz (44100)")
    parser.add_argument("--five", action="store_true", help="only the five classes, no others to confuse them with")
    parser.add_argument("--cnn", action="store_true", help="also a convolutional net (about two minutes)")
    arguments = parser.parse_args()
    folder = corpora_dir()
    if folder is None or not (folder / "esc10").is_dir():
        raise SystemExit("set AUDIOGEN_CORPORA to a folder that holds esc10")
    start = time.perf_counter()
    real = [clip for clip in real_clips(folder / "esc10", sr=arguments.sr) if not arguments.five or clip[0] in CLASS_OF.values()]
    labels, held = np.array([c for c, _, _ in real]), np.array([fold == 3 for _, fold, _ in real])
    made = made_clips(arguments.seeds, sr=arguments.sr)
    others = made + naive_clips(5)
    print(f"{(~held).sum()} real clips to train on, {held.sum()} held out, {len(np.unique(labels))} classes, all at {arguments.sr} Hz")
    for level, change in (("as they are", lambda y: y), ("at one level", levelled)):
        clips, sounds = [change(y) for _, _, y in real], [change(y) for _, _, y in others]
        known: dict[Callable, tuple[np.ndarray, np.ndarray]] = {}
        for name, (feature, model) in RECOGNISERS.items():
            if feature not in known:
                known[feature] = np.array([feature(y) for y in clips]), np.array([feature(y) for y in sounds])
            F, G = known[feature]
            m = model().fit(F[~held], labels[~held])
            judge(
                f"\n{name}, clips {level}: held-out accuracy {np.mean(m.predict(F[held]) == labels[held]):.0%}",
                m.predict_proba(G),
                m.classes_,
                others,
            )
        distances(*(known[texture][0], ~held, held, labels, others, known[texture][1]))
        if arguments.cnn:
            net = Net().fit([y for y, h in zip(clips, held, strict=True) if not h], labels[~held])
            P = net.predict_proba([y for y, h in zip(clips, held, strict=True) if h])
            accuracy = np.mean(net.classes_[P.argmax(axis=1)] == labels[held])
            judge(f"\nnet on log-mel, clips {level}: held-out accuracy {accuracy:.0%}", net.predict_proba(sounds), net.classes_, others)
    print_statistics(real, made)
    print(f"\n{time.perf_counter() - start:.0f} s")


if __name__ == "__main__":
    main()
