"""Sound around a listener: directions, heads, moving sources and sound fields, for two ears."""

from __future__ import annotations

from audiogen_helpers.applications.spatial.ambisonics import binaural_filters, decode_binaural, encode, rotate
from audiogen_helpers.applications.spatial.directions import from_vectors, to_vectors, turn
from audiogen_helpers.applications.spatial.responses import HeadResponses, read_sofa, spherical_head
from audiogen_helpers.applications.spatial.scene import Listener, Source, blocks, render
from audiogen_helpers.applications.spatial.sphere import itd, sphere_response

__all__ = [
    "HeadResponses",
    "Listener",
    "Source",
    "binaural_filters",
    "blocks",
    "decode_binaural",
    "encode",
    "from_vectors",
    "itd",
    "read_sofa",
    "render",
    "rotate",
    "sphere_response",
    "spherical_head",
    "to_vectors",
    "turn",
]
