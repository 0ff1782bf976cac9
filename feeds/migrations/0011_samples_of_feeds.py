"""Samples with figures per feed, and with the names of unavailable parts."""

from django.db import migrations, models


class Migration(migrations.Migration):
    """Adds columns; samples stored before have neither."""

    dependencies = [("feeds", "0010_disconnected")]

    operations = [
        migrations.AddField(
            "sample", "unavailable", models.CharField(blank=True, default="", max_length=100)
        ),
        migrations.AddField("sample", "feeds", models.JSONField(blank=True, null=True)),
    ]
