"""The identity cards of the datasets: what each one is, whose it is, where it comes from and how it is checked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, cast

from audiogen_helpers.registry import Entry, Registry

__all__ = ["DATASETS", "LIBROSA_FILES", "Card", "info"]

_DIGITS = tuple("0123456789")

# librosa.ex(key) -> stem of the file in librosa's cache (librosa 0.11, util/example_data/index.json).
LIBROSA_FILES: Mapping[str, str] = {
    "brahms": "Hungarian_Dance_number_5_-_Allegro_in_F_sharp_minor_(string_orchestra)",
    "choice": "admiralbob77_-_Choice_-_Drum-bass",
    "fishin": "Karissa_Hobbs_-_Lets_Go_Fishin",
    "humpback": "glacier-bay-humpback",
    "libri1": "5703-47212-0000",
    "libri2": "3436-172162-0000",
    "libri3": "198-209-0000",
    "nutcracker": "Kevin_MacLeod_-_P_I_Tchaikovsky_Dance_of_the_Sugar_Plum_Fairy",
    "pibble": "pibble",
    "pistachio": "442789__lena-orsa__happy-music-pistachio-ice-cream-ragtime",
    "robin": "456440__inspectorj__bird-whistling-robin-single-13",
    "sweetwaltz": "147793__setuniman__sweet-waltz-0i-22mi",
    "trumpet": "sorohanro_-_solo-trumpet-06",
    "vibeace": "Kevin_MacLeod_-_Vibe_Ace",
}


@dataclass(frozen=True, kw_only=True)
class Card(Entry):
    """What is known about a dataset before a byte of it is read.

    Parameters
    ----------
    kind : {'bundled', 'public', 'folder', 'file'}
        Comes with the project, is downloaded on request, or is somebody's own folder or file.
    licence, citation : str
        Terms of the clips, and whom to name.
    sr : int
        Sample rate that clips are given at, Hz; 0 for notes.
    count : int
        Clips, or tunes, in the complete set.
    media : {'audio', 'notes'}
        What :func:`audiogen_helpers.datasets.load` reads, or :func:`audiogen_helpers.datasets.load_tunes`.
    labels : tuple of str
        Every label, sorted; empty where clips have none.
    group : str
        What `Dataset.groups` tells apart: ``'speaker'``, ``'voice'``; empty where nothing.
    split : str
        How train and test were parted, one sentence.
    url, archive, bytes, sha256 : str, str, int, str
        Where the archive is, the name it is kept under, its size and its digest.
    root : str
        The folder of the clips inside the archive.
    folder, file : str
        Of notes: the folder of the set where it has not the name of the set, and its one file, which size and digest are those of.
    content_sha256 : str
        Digest of the clips' names and bytes, which does not depend on how they were packed
        (:meth:`audiogen_helpers.datasets.Dataset.content_hash`); of tunes their titles and notes.

    Examples
    --------
    >>> DATASETS["fsdd"].count, DATASETS["fsdd"].licence
    (3000, 'CC BY-SA 4.0')
    """

    kind: str
    licence: str
    citation: str
    sr: int
    count: int
    media: str = "audio"
    labels: tuple[str, ...] = ()
    group: str = ""
    split: str = ""
    url: str = ""
    archive: str = ""
    bytes: int = 0
    sha256: str = ""
    root: str = ""
    folder: str = ""
    file: str = ""
    content_sha256: str = ""

    def to_dict(self) -> dict[str, Any]:
        """The card as plain data for JSON, without what only the code needs.

        Examples
        --------
        >>> info("fsdd").to_dict()["bytes"]
        15602882
        """
        return {key: value for key, value in asdict(self).items() if key not in ("target", "parameters", "extra")}


DATASETS: Registry = Registry(
    "dataset",
    Card(
        name="digits",
        summary="Spoken digits zero to nine, rendered by 20 synthetic voices.",
        target="audiogen_helpers.datasets.sets:digits",
        kind="bundled",
        licence="CC BY 4.0",
        citation="Made by this project with espeak-ng and flite (scripts/make_digits.py)",
        sr=8000,
        count=1000,
        labels=_DIGITS,
        group="voice",
        split="Four whole voices are the test set: no voice is in both.",
    ),
    Card(
        name="fsdd",
        summary="Free Spoken Digit Dataset v1.0.10: the digits zero to nine, recorded by 6 speakers.",
        target="audiogen_helpers.datasets.sets:fsdd",
        kind="public",
        licence="CC BY-SA 4.0",
        citation="Free Spoken Digit Dataset, Zohar Jackson et al., https://github.com/Jakobovski/free-spoken-digit-dataset",
        sr=8000,
        count=3000,
        labels=_DIGITS,
        group="speaker",
        split="The official one: recordings 0 to 4 of each speaker and digit are test, 5 to 49 train.",
        url="https://github.com/Jakobovski/free-spoken-digit-dataset/archive/refs/tags/v1.0.10.tar.gz",
        archive="free-spoken-digit-dataset-1.0.10.tar.gz",
        bytes=15_602_882,
        sha256="feb479fad3a37883c3d21ed7f982281c2dd1c18d5aefd7e8a5d50f58023392aa",
        root="free-spoken-digit-dataset-1.0.10/recordings",
        content_sha256="99aa5e3a7c822ab55b2a3b47e0b05aeb9f011c54837a12e3831ad24108330829",
    ),
    Card(
        name="librosa-examples",
        summary="The example recordings behind librosa.ex: speech, birds, a trumpet, an orchestra.",
        target="audiogen_helpers.datasets.sets:librosa_examples",
        kind="public",
        licence="per recording: CC BY, CC BY-NC or public domain, see the .txt beside each",
        citation="librosa's example recordings, https://librosa.org/doc/latest/recordings.html",
        sr=22050,
        count=len(LIBROSA_FILES),
        labels=tuple(sorted(LIBROSA_FILES)),
        group="",
        split="None: each label is one recording.",
        url="https://librosa.org/data/audio/",
    ),
    Card(
        name="chorales",
        summary="The tunes of Bach's four-part chorales, as notes with key, phrases and metre.",
        target="audiogen_helpers.datasets.tables:chorales",
        kind="bundled",
        media="notes",
        licence="public domain",
        citation="J. S. Bach; taken from the corpus of music21, https://www.music21.org (scripts/make_scores.py)",
        sr=0,
        count=339,
        labels=("major", "minor"),
        group="melody",
        split="Whole melodies, a fifth of the tunes of either mode: no melody is in both, in whatever setting.",
        folder="scores",
        file="chorales.json",
        bytes=181_669,
        sha256="db7fc13a7e15a1a78df6d0a371d8df14f3d4b01d8c0bb3d6286be404563ddc78",
        content_sha256="349328c13e39d9f241ebfd6f2745278e39a5d725d65d040f4bbf03af6f6a7dc0",
    ),
    Card(
        name="jsb",
        summary="JSB chorales on a grid of sixteenths: the soprano parts, as notes. Many are in the bundled set too.",
        target="audiogen_helpers.datasets.tables:jsb",
        kind="public",
        media="notes",
        licence="music in the public domain; the repository states no licence",
        citation="N. Boulanger-Lewandowski, Y. Bengio, P. Vincent (2012); https://github.com/czhuang/JSB-Chorales-dataset",
        sr=0,
        count=382,
        labels=("major", "minor"),
        split="The published one: parts train and valid are train. Settings of one melody can be on both sides.",
        url="https://raw.githubusercontent.com/czhuang/JSB-Chorales-dataset/9a7f733ddb4ed91f48da64ac7f0f621c34aadd4d/Jsb16thSeparated.json",
        archive="Jsb16thSeparated.json",
        file="Jsb16thSeparated.json",
        bytes=1_666_444,
        sha256="79294cc374f9252e95ef4b703161524c1c53dc1f712c236f00f1c1f5d54af5a7",
        content_sha256="fdc933e185e034baed3167de1c2583904800d81d80fee0d28c31d345bd2e9c8f",
    ),
)


def info(name: str) -> Card:
    """The identity card of a registered dataset.

    Parameters
    ----------
    name : str
        One of ``DATASETS``.

    Raises
    ------
    ParameterError
        If there is no such dataset.

    Examples
    --------
    >>> info("digits").kind
    'bundled'
    """
    return cast(Card, DATASETS[name])
