"""The ideal time of each report, and samples that compare block times with it."""

from django.db import migrations, models


class Migration(migrations.Migration):
    """Adds columns; older reports have no ideal and are left out of figures."""

    dependencies = [("feeds", "0007_plain_reports")]

    operations = [
        migrations.AddField("blockreport", "ideal", models.FloatField(blank=True, null=True)),
        migrations.AddField("blockreport", "rates", models.JSONField(blank=True, default=dict)),
        migrations.RemoveField("sample", "block_p50"),
        migrations.RemoveField("sample", "block_p99"),
        migrations.AddField("sample", "left_out", models.PositiveIntegerField(default=0)),
        migrations.AddField("sample", "overhead_p50", models.FloatField(null=True)),
        migrations.AddField("sample", "overhead_p99", models.FloatField(null=True)),
        migrations.AddField("sample", "plain", models.PositiveIntegerField(default=0)),
        migrations.AddField("sample", "plain_p50", models.FloatField(null=True)),
        migrations.AddField("sample", "plain_p99", models.FloatField(null=True)),
    ]
