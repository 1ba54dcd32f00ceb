"""What several test files share."""

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def corpora():
    """The read-only folder of public corpora; without one the test is skipped."""
    folder = os.environ.get("AUDIOGEN_CORPORA")
    if not folder or not Path(folder).is_dir():
        pytest.skip("AUDIOGEN_CORPORA names no folder of public corpora")
    return Path(folder)
