"""Tokens that let clients in, and bans that keep them out."""

import django.core.validators
from django.db import migrations, models

import feeds.models.access


class Migration(migrations.Migration):
    """Adds two tables."""

    dependencies = [("feeds", "0013_hashed_keys")]

    operations = [
        migrations.CreateModel(
            name="AccessToken",
            fields=[
                (
                    "key",
                    models.CharField(
                        editable=False, max_length=12, primary_key=True, serialize=False
                    ),
                ),
                (
                    "label",
                    models.CharField(help_text="The purpose of the token, in your words.", max_length=64),
                ),
                (
                    "client",
                    models.CharField(
                        blank=True,
                        help_text="The only client name that may use it; empty for any.",
                        max_length=64,
                        validators=[feeds.models.access.validate_client],
                    ),
                ),
                ("feeds", models.CharField(blank=True, max_length=700)),
                (
                    "connections",
                    models.PositiveIntegerField(
                        blank=True,
                        help_text="Connections to one server process at the same time; "
                        "empty for any number.",
                        null=True,
                        validators=[
                            django.core.validators.MinValueValidator(1),
                            django.core.validators.MaxValueValidator(20000),
                        ],
                    ),
                ),
                ("created_at", models.DateTimeField()),
                ("created_by", models.CharField(blank=True, max_length=150)),
                (
                    "expires_at",
                    models.DateTimeField(
                        blank=True, help_text="In UTC; empty if it does not expire.", null=True
                    ),
                ),
                (
                    "revoked_at",
                    models.DateTimeField(blank=True, db_index=True, editable=False, null=True),
                ),
            ],
            options={"verbose_name": "token", "ordering": ("-created_at", "key")},
        ),
        migrations.CreateModel(
            name="Ban",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "client",
                    models.CharField(
                        blank=True,
                        help_text="A client's name.",
                        max_length=64,
                        validators=[feeds.models.access.validate_client],
                    ),
                ),
                (
                    "address",
                    models.CharField(
                        blank=True,
                        help_text="An IP address or a network, such as 192.0.2.7 or 192.0.2.0/24.",
                        max_length=49,
                        validators=[feeds.models.access.validate_address],
                    ),
                ),
                (
                    "reason",
                    models.CharField(
                        blank=True,
                        help_text="For other operators; clients do not see it.",
                        max_length=200,
                    ),
                ),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("created_by", models.CharField(blank=True, editable=False, max_length=150)),
            ],
            options={
                "ordering": ("-id",),
                "constraints": (
                    models.CheckConstraint(
                        condition=models.Q(client="", address__gt="")
                        | models.Q(client__gt="", address=""),
                        name="ban_of_one",
                    ),
                ),
            },
        ),
    ]
