"""URLs of all pages."""

from django.contrib import admin
from django.urls import include, path

from feeds.admin.dashboard import figures

urlpatterns = [
    path("admin/dashboard.json", figures, name="dashboard"),
    path("admin/", admin.site.urls),
    path("", include("feeds.urls")),
]

handler404 = "feeds.pages.views.not_found"
