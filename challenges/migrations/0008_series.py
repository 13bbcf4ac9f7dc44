from typing import Any

from django.db import migrations
from django.db.models import F


def begin_with_the_last(apps: Any, schema_editor: Any) -> None:
    """Before there were series, the last repetition alone counted."""
    apps.get_model("challenges", "Evaluation")._default_manager.update(series=F("repetition"))


class Migration(migrations.Migration):
    dependencies = [
        ("challenges", "0007_protocol"),
    ]

    operations = [migrations.RunPython(begin_with_the_last, migrations.RunPython.noop, elidable=False)]
