"""What each phoneme of American English asks of the mouth: a table of targets, times and noises.

The letters are ARPAbet as in the CMU Pronouncing Dictionary. Formants and bandwidths of voiced sounds follow Klatt (1980), tables II and
III, durations Klatt (1979); how far a consonant reaches into its neighbours and the colours of noise were set with a recogniser's help.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

__all__ = ["CONSONANTS", "NUCLEI", "PHONES", "Phone"]

Three = tuple[float, float, float]
Band = tuple[float, float, float]  # frequency Hz, bandwidth Hz, level


@dataclass(frozen=True, kw_only=True)
class Phone:
    """Targets of one phoneme.

    `kind` is vowel, stop, affricate, fricative, nasal, liquid, glide or breath. `formants` and `bandwidths` are Hz; a diphthong ends at
    `glide`. `length` and `least` are seconds: at ease, and when nothing more can be taken away. Where two phonemes meet, the one of higher
    `rank` decides: the formants there are its own plus `pull` times the difference to the other, and it reaches `reach` seconds into the
    other. `bands` colour its noise, `noise` is the noise's level; `voice` the voice's.
    """

    kind: str
    formants: Three
    bandwidths: Three
    length: float
    least: float
    glide: Three | None = None
    rank: int = 0
    pull: Three = (0.3, 0.4, 0.5)
    reach: float = 0.04
    voice: float = 1.0
    noise: float = 0.0
    bands: tuple[Band, ...] = ()
    zero: float | None = None
    aspiration: float = 0.0


def _vowel(formants: Three, bandwidths: Three, length: float, least: float, glide: Three | None = None) -> Phone:
    pull = (0.5, 0.5, 0.5)
    return Phone(kind="vowel", formants=formants, bandwidths=bandwidths, length=length, least=least, glide=glide, reach=0.06, pull=pull)


_RANKS = {"stop": 30, "affricate": 30, "fricative": 25, "nasal": 20, "liquid": 15, "glide": 12, "breath": -1}


def _consonant(kind: str, formants: Three, bandwidths: Three, length: float, least: float, **more: Any) -> Phone:
    return Phone(
        kind=kind, formants=formants, bandwidths=bandwidths, length=length, least=least, rank=_RANKS[kind], **{"voice": 0.0, **more}
    )


NUCLEI: dict[str, Phone] = {
    "AA": _vowel((700, 1220, 2600), (130, 70, 160), 0.24, 0.10),
    "AE": _vowel((620, 1660, 2430), (70, 130, 300), 0.23, 0.08, (650, 1490, 2470)),
    "AH": _vowel((620, 1220, 2550), (80, 50, 140), 0.14, 0.06),
    "AO": _vowel((600, 990, 2570), (90, 100, 80), 0.24, 0.10, (630, 1040, 2600)),
    "AW": _vowel((640, 1230, 2550), (80, 70, 140), 0.26, 0.10, (420, 940, 2350)),
    "AX": _vowel((500, 1400, 2500), (80, 80, 120), 0.09, 0.04),
    "AY": _vowel((660, 1200, 2550), (100, 70, 200), 0.25, 0.12, (400, 1880, 2500)),
    "EH": _vowel((530, 1680, 2500), (60, 90, 200), 0.15, 0.07, (620, 1530, 2530)),
    "ER": _vowel((470, 1270, 1540), (100, 60, 110), 0.18, 0.08, (420, 1310, 1540)),
    "EY": _vowel((480, 1720, 2520), (70, 100, 200), 0.19, 0.09, (330, 2020, 2600)),
    "IH": _vowel((400, 1800, 2570), (50, 100, 140), 0.135, 0.04, (470, 1600, 2600)),
    "IY": _vowel((310, 2020, 2960), (45, 200, 400), 0.155, 0.055, (290, 2070, 2960)),
    "OW": _vowel((540, 1100, 2300), (80, 70, 70), 0.22, 0.08, (450, 900, 2300)),
    "OY": _vowel((550, 960, 2400), (80, 50, 130), 0.28, 0.15, (360, 1820, 2450)),
    "UH": _vowel((450, 1100, 2350), (80, 100, 80), 0.16, 0.06, (500, 1180, 2390)),
    "UW": _vowel((350, 1250, 2200), (65, 110, 140), 0.21, 0.07, (320, 900, 2200)),
}

_LIPS: tuple[Band, ...] = ((900, 500, 1.0), (2200, 1500, 0.4), (6000, 5000, 0.4))
_TEETH: tuple[Band, ...] = ((3900, 900, 0.7), (5300, 1500, 0.8), (7000, 3000, 0.5))
_S: tuple[Band, ...] = ((4700, 700, 1.0), (6200, 1600, 0.8), (8200, 2500, 0.6))
_SH: tuple[Band, ...] = ((2400, 300, 1.0), (3200, 500, 0.6), (5000, 1800, 0.15))
_F: tuple[Band, ...] = ((1400, 1500, 0.35), (4500, 4000, 0.6), (8500, 4000, 1.0))
_TH: tuple[Band, ...] = ((1800, 1500, 0.3), (5600, 3500, 0.7), (8000, 4000, 0.9))
_BACK: tuple[Band, ...] = ((1900, 300, 1.0), (3100, 700, 0.35), (5000, 3000, 0.15))

CONSONANTS: dict[str, Phone] = {
    "P": _consonant(
        "stop", (300, 900, 2150), (200, 150, 220), 0.09, 0.05, pull=(0.3, 0.5, 0.6), reach=0.045, noise=0.25, bands=_LIPS, aspiration=0.05
    ),
    "B": _consonant(
        "stop", (200, 900, 2150), (60, 110, 130), 0.085, 0.06, pull=(0.3, 0.5, 0.6), reach=0.035, voice=0.25, noise=0.15, bands=_LIPS
    ),
    "T": _consonant(
        "stop", (300, 1750, 2700), (200, 120, 250), 0.075, 0.05, pull=(0.3, 0.4, 0.4), reach=0.05, noise=0.45, bands=_TEETH, aspiration=0.05
    ),
    "D": _consonant(
        "stop", (200, 1750, 2700), (60, 100, 170), 0.075, 0.05, pull=(0.3, 0.4, 0.4), reach=0.04, voice=0.25, noise=0.3, bands=_TEETH
    ),
    "K": _consonant(
        "stop", (300, 1990, 2300), (200, 160, 250), 0.08, 0.06, pull=(0.3, 0.7, 0.5), reach=0.05, noise=0.45, bands=_BACK, aspiration=0.055
    ),
    "G": _consonant(
        "stop", (200, 1990, 2300), (60, 150, 250), 0.08, 0.06, pull=(0.3, 0.7, 0.5), reach=0.045, voice=0.25, noise=0.3, bands=_BACK
    ),
    "CH": _consonant(
        "affricate", (300, 1800, 2820), (200, 90, 300), 0.07, 0.05, pull=(0.3, 0.3, 0.3), reach=0.05, noise=0.5, bands=_SH, aspiration=0.08
    ),
    "JH": _consonant(
        "affricate",
        (230, 1800, 2820),
        (60, 80, 270),
        0.07,
        0.05,
        pull=(0.3, 0.3, 0.3),
        reach=0.05,
        voice=0.3,
        noise=0.35,
        bands=_SH,
        aspiration=0.055,
    ),
    "F": _consonant("fricative", (340, 1100, 2080), (200, 120, 150), 0.1, 0.08, pull=(0.4, 0.5, 0.6), reach=0.04, noise=0.12, bands=_F),
    "V": _consonant(
        "fricative", (220, 1100, 2080), (60, 90, 120), 0.06, 0.04, pull=(0.4, 0.5, 0.6), reach=0.04, voice=0.45, noise=0.04, bands=_F
    ),
    "TH": _consonant("fricative", (320, 1290, 2540), (200, 90, 200), 0.09, 0.06, pull=(0.4, 0.4, 0.5), reach=0.045, noise=0.08, bands=_TH),
    "DH": _consonant(
        "fricative", (270, 1290, 2540), (60, 80, 170), 0.05, 0.03, pull=(0.4, 0.4, 0.5), reach=0.04, voice=0.5, noise=0.03, bands=_TH
    ),
    "S": _consonant("fricative", (320, 1390, 2530), (200, 80, 200), 0.105, 0.06, pull=(0.4, 0.4, 0.5), reach=0.045, noise=0.4, bands=_S),
    "Z": _consonant(
        "fricative", (240, 1390, 2530), (70, 60, 180), 0.075, 0.04, pull=(0.4, 0.4, 0.5), reach=0.045, voice=0.35, noise=0.2, bands=_S
    ),
    "SH": _consonant("fricative", (300, 1840, 2750), (200, 100, 300), 0.105, 0.08, pull=(0.4, 0.4, 0.5), reach=0.05, noise=0.5, bands=_SH),
    "ZH": _consonant(
        "fricative", (260, 1800, 2750), (60, 90, 250), 0.07, 0.04, pull=(0.4, 0.4, 0.5), reach=0.05, voice=0.35, noise=0.25, bands=_SH
    ),
    "HH": _consonant("breath", (500, 1500, 2500), (200, 120, 180), 0.07, 0.03, aspiration=1.0),
    "M": _consonant("nasal", (480, 1100, 2130), (60, 150, 200), 0.07, 0.06, pull=(0.3, 0.4, 0.5), reach=0.04, voice=0.75, zero=450.0),
    "N": _consonant("nasal", (480, 1500, 2500), (60, 200, 250), 0.065, 0.05, pull=(0.3, 0.4, 0.5), reach=0.04, voice=0.75, zero=450.0),
    "NG": _consonant("nasal", (480, 1990, 2500), (60, 200, 250), 0.09, 0.06, pull=(0.3, 0.6, 0.5), reach=0.05, voice=0.75, zero=450.0),
    "L": _consonant("liquid", (310, 1050, 2880), (50, 100, 280), 0.075, 0.04, pull=(0.35, 0.3, 0.4), reach=0.05, voice=0.7),
    "R": _consonant("liquid", (310, 1060, 1380), (70, 100, 120), 0.075, 0.03, pull=(0.4, 0.35, 0.35), reach=0.06, voice=0.75),
    "W": _consonant("glide", (290, 610, 2150), (50, 80, 60), 0.075, 0.05, pull=(0.3, 0.3, 0.4), reach=0.07, voice=0.8),
    "Y": _consonant("glide", (260, 2070, 3020), (40, 200, 300), 0.07, 0.04, pull=(0.3, 0.3, 0.4), reach=0.07, voice=0.75),
    "DX": _consonant("nasal", (250, 1600, 2600), (80, 120, 200), 0.025, 0.02, pull=(0.5, 0.6, 0.6), reach=0.025, voice=0.35),
}

PHONES: dict[str, Phone] = {**NUCLEI, **CONSONANTS}
