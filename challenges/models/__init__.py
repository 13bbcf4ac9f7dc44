"""Every row of the contest. The schema itself refuses what a rule forbids."""

from challenges.models.challenge import Case, Challenge, Phase, Suite, Ties, Visibility
from challenges.models.evaluation import Call, Evaluation, Measurement, Run, State
from challenges.models.jury import RankingExport
from challenges.models.people import Consent, Participation, Person, Purpose
from challenges.models.protocol import DeviceLease, ReferenceBaseline, ReferenceRun
from challenges.models.publication import CasePublication
from challenges.models.queue import (
    Actor,
    Circuit,
    Engine,
    Purse,
    Reason,
    Reservation,
    StateChange,
    Tally,
    WorkerProcess,
)
from challenges.models.record import Record
from challenges.models.review import Review, ReviewDecision, Verdict
from challenges.models.standing import Leaderboard, Score, Standing
from challenges.models.submission import Kind, Submission

__all__ = [
    "Actor",
    "Call",
    "Case",
    "CasePublication",
    "Challenge",
    "Circuit",
    "Consent",
    "DeviceLease",
    "Engine",
    "Evaluation",
    "Kind",
    "Leaderboard",
    "Measurement",
    "Participation",
    "Person",
    "Phase",
    "Purpose",
    "Purse",
    "RankingExport",
    "Reason",
    "Record",
    "ReferenceBaseline",
    "ReferenceRun",
    "Reservation",
    "Review",
    "ReviewDecision",
    "Run",
    "Score",
    "Standing",
    "State",
    "StateChange",
    "Submission",
    "Suite",
    "Tally",
    "Ties",
    "Verdict",
    "Visibility",
    "WorkerProcess",
]
