"""The project's settings, with the layer that loses, duplicates and reorders batches."""

from wsproject.settings import *  # noqa: F403
from wsproject.settings import REDIS_URL

CHANNEL_LAYERS = {
    "default": {
        "BACKEND": "tests.support.faulty_layer.FaultyLayer",
        "CONFIG": {"url": REDIS_URL},
    },
}
