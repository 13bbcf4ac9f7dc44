"""Every row of the contest. The schema itself refuses what a rule forbids."""

from challenges.models.challenge import Case, Challenge, Phase, Suite, Visibility
from challenges.models.evaluation import Call, Evaluation, Measurement, Run, State
from challenges.models.jury import RankingExport
from challenges.models.people import Consent, Participation, Person, Purpose
from challenges.models.standing import Leaderboard, Score, Standing
from challenges.models.submission import Submission

__all__ = [
    "Call",
    "Case",
    "Challenge",
    "Consent",
    "Evaluation",
    "Leaderboard",
    "Measurement",
    "Participation",
    "Person",
    "Phase",
    "Purpose",
    "RankingExport",
    "Run",
    "Score",
    "Standing",
    "State",
    "Submission",
    "Suite",
    "Visibility",
]
