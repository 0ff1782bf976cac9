"""Two predefined groups of accounts: viewers, and operators of feeds and sessions."""

from django.apps import apps as installed
from django.apps.registry import Apps
from django.contrib.auth.management import create_permissions
from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

VIEWED = ("feed", "clientsession", "blockreport", "clientmessage")
ROLES = {
    "viewer": [f"view_{model}" for model in VIEWED],
    "operator": [
        *(f"view_{model}" for model in VIEWED),
        "change_feed",
        "change_clientsession",
        "delete_clientsession",
    ],
}


def make_roles(apps: Apps, editor: BaseDatabaseSchemaEditor) -> None:
    """Create the groups; an existing group with that name stays unchanged."""
    database = editor.connection.alias
    # Needed because Django creates permissions only after the last migration.
    create_permissions(installed.get_app_config("feeds"), verbosity=0, using=database)
    permissions = apps.get_model("auth", "Permission").objects.using(database)
    groups = apps.get_model("auth", "Group").objects.using(database)
    for name, codes in ROLES.items():
        group, is_new = groups.get_or_create(name=name)
        if is_new:
            group.permissions.set(
                permissions.filter(content_type__app_label="feeds", codename__in=codes)
            )


class Migration(migrations.Migration):
    """Runs once: later changes to the groups, or their removal, are kept."""

    dependencies = [
        ("feeds", "0008_ideal_times"),
        ("auth", "0012_alter_user_first_name_max_length"),
        ("contenttypes", "0002_remove_content_type_name"),
    ]

    operations = [migrations.RunPython(make_roles, migrations.RunPython.noop)]
