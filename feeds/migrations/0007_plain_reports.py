"""Plain reports, which consist of a sentence only: a separate numbered series."""

from django.apps.registry import Apps
from django.db import migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.models import F, Max, Q


def mark_plain(apps: Apps, _: BaseDatabaseSchemaEditor) -> None:
    """Mark the stored reports that are only a sentence: those without a size."""
    reports = apps.get_model("feeds", "BlockReport").objects.filter(size=None)
    reports.update(plain=True, number_said=F("number"))
    sessions = apps.get_model("feeds", "ClientSession").objects
    highest = sessions.annotate(highest=Max("reports__number", filter=Q(reports__plain=True)))
    for session, number in highest.exclude(highest=None).values_list("pk", "highest"):
        sessions.filter(pk=session).update(sentences=number)


class Migration(migrations.Migration):
    """Adds columns and marks the old sentences; reversing it keeps the rows."""

    dependencies = [("feeds", "0006_feed_rate")]

    operations = [
        migrations.AddField(
            model_name="blockreport",
            name="plain",
            field=models.BooleanField(default=False),
        ),
        migrations.AddField(
            model_name="blockreport",
            name="number_said",
            field=models.PositiveBigIntegerField(blank=True, null=True),
        ),
        migrations.AlterField(
            model_name="blockreport",
            name="size",
            field=models.PositiveBigIntegerField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="clientsession",
            name="sentences",
            field=models.PositiveBigIntegerField(default=0, editable=False),
        ),
        migrations.RunPython(mark_plain, migrations.RunPython.noop),
        migrations.RemoveConstraint(model_name="blockreport", name="report_once"),
        migrations.AddConstraint(
            model_name="blockreport",
            constraint=models.UniqueConstraint(
                fields=("session", "number", "plain"), name="report_once"
            ),
        ),
    ]
