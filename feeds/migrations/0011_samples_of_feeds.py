"""Samples that tell feeds apart, and that say which parts were unavailable."""

from django.db import migrations, models


class Migration(migrations.Migration):
    """Adds columns; samples stored before know nothing of either."""

    dependencies = [("feeds", "0010_disconnected")]

    operations = [
        migrations.AddField(
            "sample", "unavailable", models.CharField(blank=True, default="", max_length=100)
        ),
        migrations.AddField("sample", "feeds", models.JSONField(blank=True, null=True)),
    ]
