"""Which statistical models there are: names, settings and where the code is, as data."""

from __future__ import annotations

from audiogen_helpers.registry import Entry, Parameter, Registry

__all__ = ["MODELS"]

MODELS = Registry(
    "model",
    Entry(
        name="gmm",
        summary="A Gaussian mixture of spectral frames for each label, drawn one by one: the right timbre, and no time.",
        target="audiogen_helpers.statistical.spectral_frames:FrameMixture",
        parameters=(Parameter(name="components", default=32, low=1, high=4096, help="Gaussians for each label (less for few frames)."),),
        extra={"labels": True, "makes": "mel", "exact": True},
    ),
    Entry(
        name="hmm",
        summary="A left-to-right hidden Markov model for each label, with durations and smooth trajectories: speaks through a vocoder.",
        target="audiogen_helpers.statistical.speech:SpeechHmm",
        parameters=(
            Parameter(name="states", default=10, low=1, high=200, help="States of each chain."),
            Parameter(name="chains", default=8, low=1, high=256, help="Chains side by side for each label: voices, manners of speaking."),
            Parameter(name="order", default=0, low=0, high=120, help="Poles of the envelope; 0: four, and one for each kilohertz."),
        ),
        extra={"labels": True, "makes": "waveforms", "exact": True},
    ),
    Entry(
        name="melody",
        summary="A hidden Markov model of notes: new tunes in the manner of those it read.",
        target="audiogen_helpers.statistical.melody:MelodyHmm",
        parameters=(Parameter(name="states", default=48, low=2, high=1000, help="Hidden states."),),
        extra={"labels": True, "makes": "notes", "exact": True},
    ),
)
