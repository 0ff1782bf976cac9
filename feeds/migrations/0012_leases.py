"""Leases of server processes."""

from django.db import migrations, models


class Migration(migrations.Migration):
    """Adds a table; a server process makes its row at its first heartbeat."""

    dependencies = [("feeds", "0011_samples_of_feeds")]

    operations = [
        migrations.CreateModel(
            name="Lease",
            fields=[
                ("server", models.CharField(max_length=40, primary_key=True, serialize=False)),
                ("beats", models.PositiveBigIntegerField()),
                ("seen_at", models.DateTimeField()),
            ],
            options={"default_permissions": ()},
        ),
    ]
