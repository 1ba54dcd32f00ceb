"""Clips and tunes to learn from: the bundled sets, public corpora, and folders of one's own, all loaded the same way.

Chapter: chapters/practice/data.ipynb

Examples
--------
>>> from audiogen_helpers import datasets
>>> list(datasets.DATASETS)
['digits', 'fsdd', 'librosa-examples', 'chorales', 'jsb']
"""

from __future__ import annotations

from audiogen_helpers.datasets.cards import DATASETS, Card, info
from audiogen_helpers.datasets.dataset import Dataset
from audiogen_helpers.datasets.fetching import fetch
from audiogen_helpers.datasets.loading import load
from audiogen_helpers.datasets.places import best, is_present, locate
from audiogen_helpers.datasets.tables import load_tunes
from audiogen_helpers.datasets.tunes import Tune, Tunes

__all__ = ["DATASETS", "Card", "Dataset", "Tune", "Tunes", "best", "fetch", "info", "is_present", "load", "load_tunes", "locate"]
