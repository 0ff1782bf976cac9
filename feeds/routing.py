"""Where WebSocket connections go."""

from django.urls import re_path

from feeds.serving.consumer import FeedConsumer

websocket_urlpatterns = [re_path(r"", FeedConsumer.as_asgi())]
"""Every path: a wrong one is refused by the consumer, with a sentence."""
