"""URLs of the pages outside the admin."""

from django.urls import path

from feeds.pages import views

urlpatterns = [
    path("", views.page, name="page"),
    path("message", views.message, name="message"),
    path("client", views.client, name="client"),
    path("status.json", views.status, name="status"),
]
