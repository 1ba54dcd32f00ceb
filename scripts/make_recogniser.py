"""Train the recogniser that comes with the project, data/checkpoints/recogniser-fsdd, on the Free Spoken Digit Dataset.

    .venv/bin/python scripts/make_recogniser.py

Needs the corpus (`audiogen data fetch fsdd`, or AUDIOGEN_CORPORA) and a few minutes on two cores. It is run on purpose, never
at install or test time. On one machine the same seed gives the same weights.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import replace

from audiogen_helpers import _files, datasets, spectral
from audiogen_helpers.evaluation import recognition_rate
from audiogen_helpers.evaluation.ears import train_on

LENGTH = 8064  # samples: 64 frames of 128, as the generators of the book make them


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=759)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", default=str(_files.bundled_dir() / "checkpoints" / "recogniser-fsdd"))
    args = parser.parse_args()
    start = time.perf_counter()
    data = datasets.load("fsdd")
    recogniser = train_on(data, length=LENGTH, steps=args.steps, seed=args.seed, progress=True)
    minutes = (time.perf_counter() - start) / 60
    Y, labels = data.split("test").arrays(length=LENGTH)
    spec = recogniser.spec
    inverted = spectral.log_mel_to_audio(spectral.log_mel(Y, spec), spec, rng=0, length=LENGTH)
    card = {
        **recogniser.card,
        "attribution": "Free Spoken Digit Dataset, Zohar Jackson et al., CC BY-SA 4.0",
        "licence": "CC BY-SA 4.0",
        "made_by": f"python scripts/make_recogniser.py --steps {args.steps} --seed {args.seed}",
        "minutes": round(minutes, 1),
        "minutes_of_one_core": round(time.process_time() / 60, 1),
        "summary": "Recognises the spoken digits zero to nine. The six speakers of the test clips are those of the training clips.",
        "test_after_mel_inversion": round(recognition_rate(recogniser.predict_proba(inverted, sr=spec.sr), labels).rate, 4),
        "url": data.card.url,
    }
    folder = replace(recogniser, card=card).save(args.out)
    print(f"{folder}: {card['test']}, after mel inversion {card['test_after_mel_inversion']}")


if __name__ == "__main__":
    main()
