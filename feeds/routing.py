"""Routing of WebSocket connections."""

from django.urls import re_path

from feeds.serving.consumer import FeedConsumer

websocket_urlpatterns = [re_path(r"", FeedConsumer.as_asgi())]
"""Matches every path; the consumer refuses a wrong one with a sentence."""
