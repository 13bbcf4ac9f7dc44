"""Evaluations from before the engine kept a history: whose they are, their turn, and a first step each."""

from django.apps.registry import Apps
from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.models import OuterRef, Subquery

# As in challenges/turns.py when this was written: one round of the queue.
ROUND = 8
BATCH = 1000


def fill(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    database = schema_editor.connection.alias
    evaluations = apps.get_model("challenges", "Evaluation").objects.using(database)
    submissions = apps.get_model("challenges", "Submission").objects.using(database)
    changes = apps.get_model("challenges", "StateChange")
    theirs = submissions.filter(pk=OuterRef("submission_id")).values("participation_id")
    evaluations.update(participation_id=Subquery(theirs), steps=1)
    rows = []
    turns: dict[int, int] = {}
    for pk, participation_id, state, fence in evaluations.order_by("created_at", "id").values_list(
        "pk", "participation_id", "state", "fence"
    ):
        turn = turns[participation_id] = turns.get(participation_id, -ROUND) + ROUND
        evaluations.filter(pk=pk).update(turn=turn)
        rows.append(
            changes(
                evaluation_id=pk,
                number=1,
                before="",
                after=state,
                by="organizer",
                reason="migrated",
                fence=fence,
            )
        )
    changes.objects.using(database).bulk_create(rows, batch_size=BATCH)


def nothing(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """The columns and the table go with the migration before this one."""


class Migration(migrations.Migration):
    dependencies = [("challenges", "0003_engine")]

    operations = [migrations.RunPython(fill, nothing)]
