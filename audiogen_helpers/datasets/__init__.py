"""Clips to learn from: the bundled set, public corpora, and folders of one's own, all loaded the same way.

Chapter: chapters/practice/data.ipynb

Examples
--------
>>> from audiogen_helpers import datasets
>>> list(datasets.DATASETS)
['digits', 'fsdd', 'librosa-examples']
"""

from __future__ import annotations

from audiogen_helpers.datasets.cards import DATASETS, Card, info
from audiogen_helpers.datasets.dataset import Dataset
from audiogen_helpers.datasets.fetching import fetch
from audiogen_helpers.datasets.loading import load
from audiogen_helpers.datasets.places import best, is_present, locate

__all__ = ["DATASETS", "Card", "Dataset", "best", "fetch", "info", "is_present", "load", "locate"]
