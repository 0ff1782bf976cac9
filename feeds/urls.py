"""URLs of the pages outside the admin."""

from django.urls import path

from feeds.pages import views
from feeds.records import views as records

urlpatterns = [
    path("", views.page, name="page"),
    path("message", views.message, name="message"),
    path("client", views.client, name="client"),
    path("status.json", views.status, name="status"),
    path("feeds/", records.feeds, name="feeds"),
    path("feeds/<str:feed>/records", records.records, name="records"),
    path("feeds/<str:feed>/schema.json", records.schema, name="schema"),
    path("asyncapi.json", records.asyncapi, name="asyncapi"),
]
