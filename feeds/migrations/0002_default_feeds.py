"""The two default feeds of every installation, at 1 message/s."""

from django.apps.registry import Apps
from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor


def create_feeds(apps: Apps, _: BaseDatabaseSchemaEditor) -> None:
    """Create the feeds ``users`` and ``arrays``."""
    feed = apps.get_model("feeds", "Feed")
    for kind in ("users", "arrays"):
        feed.objects.get_or_create(name=kind, defaults={"kind": kind})


class Migration(migrations.Migration):
    """Adds rows only; reversing it keeps them."""

    dependencies = [("feeds", "0001_initial")]

    operations = [migrations.RunPython(create_feeds, migrations.RunPython.noop)]
