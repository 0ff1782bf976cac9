"""Addresses of the pages outside the admin."""

from django.urls import path

from feeds import views

urlpatterns = [
    path("", views.page, name="page"),
    path("status.json", views.status, name="status"),
]
