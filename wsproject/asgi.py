"""The ASGI application: pages by Django, feeds by Channels, on one address."""

import os

from channels.routing import ProtocolTypeRouter, URLRouter
from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "wsproject.settings")
pages = get_asgi_application()

# Django must be set up before the feeds' models are imported.
from django.conf import settings  # noqa: E402

from feeds.routing import websocket_urlpatterns  # noqa: E402
from feeds.serving.lifespan import lifespan  # noqa: E402
from feeds.serving.prefixed import Prefixed  # noqa: E402
from feeds.serving.probes import Probes  # noqa: E402
from feeds.serving.scrapes import Scrapes  # noqa: E402

application = ProtocolTypeRouter(
    {
        "http": Probes(Scrapes(Prefixed(pages, settings.PATH_PREFIX))),
        "websocket": URLRouter(websocket_urlpatterns),
        "lifespan": lifespan,
    }
)
