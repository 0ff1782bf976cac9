"""A separate status for sessions that an operator disconnected."""

from django.db import migrations, models


class Migration(migrations.Migration):
    """Widens the column for the new status; sessions disconnected earlier stay `away`."""

    dependencies = [("feeds", "0009_roles")]

    operations = [
        migrations.AlterField(
            "clientsession",
            "status",
            models.CharField(
                choices=[
                    ("online", "Online"),
                    ("away", "away (may come back)"),
                    ("left", "Left"),
                    ("disconnected", "disconnected by an operator"),
                ],
                default="online",
                max_length=12,
            ),
        ),
    ]
