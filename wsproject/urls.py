"""Addresses of all pages."""

from django.contrib import admin
from django.urls import include, path

urlpatterns = [
    path("admin/", admin.site.urls),
    path("", include("feeds.urls")),
]

handler404 = "feeds.views.not_found"
