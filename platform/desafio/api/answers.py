"""The shapes of answers, for the OpenAPI document; ``catalogue`` and ``report`` make what they describe.

Field names are part of the interface: they may be added to, never renamed. A test holds real answers to them.
"""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from challenges import preview
from challenges.models import Circuit, State
from desafio.api.incoming import Content
from scoring.inference.token_counts import CountBasis

PHASE_STATES = ["upcoming", "open", "over"]


class Token(serializers.Serializer[Any]):
    token = serializers.CharField(help_text="Solo se enseña esta vez; aquí se guarda su huella.")
    expires_at = serializers.DateTimeField()


class Participation(serializers.Serializer[Any]):
    challenge = serializers.SlugField()
    participation = serializers.UUIDField(help_text="El identificador público, el de la clasificación.")
    joined_at = serializers.DateTimeField()


class FieldProblem(serializers.Serializer[Any]):
    field = serializers.CharField()
    line = serializers.IntegerField(allow_null=True)
    code = serializers.CharField()
    detail = serializers.CharField()


class ProblemDocument(serializers.Serializer[Any]):
    """RFC 9457."""

    type = serializers.CharField()
    title = serializers.CharField()
    status = serializers.IntegerField()
    detail = serializers.CharField()
    instance = serializers.CharField()
    errors = FieldProblem(many=True)  # type: ignore[assignment]  # as above


class Check(serializers.Serializer[Any]):
    ok = serializers.BooleanField()
    errors = FieldProblem(many=True)  # type: ignore[assignment]  # as above
    reserves_mj = serializers.IntegerField(
        allow_null=True,
        help_text="La energía que reservaría hasta que se mida. Nulo si hay errores o la fase no la limita.",
    )


class ExpectedInterval(serializers.Serializer[Any]):
    low_mj = serializers.IntegerField(help_text="Con respuestas de un token.")
    high_mj = serializers.IntegerField(help_text="Con todas las respuestas en tu límite.")
    is_sure = serializers.BooleanField(
        help_text="Falso si el modelo no se calibró con peticiones como estas: entonces solo orienta."
    )


class ExpectedTokens(serializers.Serializer[Any]):
    low = serializers.IntegerField()
    high = serializers.IntegerField(help_text="Igual que «low» si se han contado todos.")


class Expected(serializers.Serializer[Any]):
    cases = serializers.IntegerField(help_text="Cuántos casos tiene la clasificación.")
    basis = serializers.ChoiceField(
        choices=[each.value for each in preview.Basis],
        help_text="De qué textos sale: «ranked», los de la clasificación, que son públicos; «public», los "
        "casos públicos en su lugar; «assumed», una longitud supuesta. Nunca de un caso privado.",
    )
    calls = serializers.IntegerField(help_text="Peticiones por caso, como mucho.")
    max_output_tokens = serializers.IntegerField(help_text="Por caso, entre todas sus peticiones.")
    prompt_tokens = ExpectedTokens(help_text="Los que leería el modelo en una vuelta a todos los casos.")
    tokens_basis = serializers.ChoiceField(
        choices=[each.value for each in CountBasis],
        help_text="Con qué se cuentan: «tokenizer», el tokenizador del modelo; «backend», su servidor; "
        "«estimate», por el número de caracteres, si alguno no se pudo contar.",
    )
    at_most_mj = serializers.IntegerField(
        help_text="Con todas las respuestas en tu límite, por el número de caracteres: lo que reservaría una "
        "fase que limita la energía. No cambia según haya o no con qué contar los tokens."
    )
    counted_at_most_mj = serializers.IntegerField(
        allow_null=True, help_text="Lo mismo con los tokens contados. Nulo si son una estimación."
    )
    evidence_grade = serializers.CharField(
        help_text="D, de un modelo calibrado; E, una estimación con coeficientes supuestos, no medida."
    )
    interval = ExpectedInterval(
        allow_null=True, help_text="La predicción al 95 %. Nulo si no hay un modelo calibrado."
    )


class Case(serializers.Serializer[Any]):
    key = serializers.CharField()
    group = serializers.CharField(allow_blank=True)
    inputs = serializers.DictField(child=serializers.CharField())
    expected = serializers.JSONField()
    grader = serializers.JSONField()
    weight = serializers.IntegerField()


class Limits(serializers.Serializer[Any]):
    max_characters = serializers.IntegerField()
    max_lines = serializers.IntegerField()
    max_output_tokens = serializers.IntegerField()
    max_stop_sequences = serializers.IntegerField()
    max_stop_characters = serializers.IntegerField()
    max_examples = serializers.IntegerField(help_text="De un envío «fewshot».")
    max_example_characters = serializers.IntegerField(help_text="De todos sus ejemplos juntos.")
    max_calls_per_case = serializers.IntegerField(help_text="Pasos de un envío «pipeline».")
    attempts_per_day = serializers.IntegerField()
    attempts_per_phase = serializers.IntegerField()
    energy_purse_mj = serializers.IntegerField(
        allow_null=True, help_text="Entre todos los intentos de la fase. Nulo: sin límite."
    )


class Energy(serializers.Serializer[Any]):
    limit_mj = serializers.IntegerField()
    reserved_mj = serializers.IntegerField(help_text="De los envíos que aún no han terminado.")
    spent_mj = serializers.IntegerField()
    left_mj = serializers.IntegerField(help_text="Negativo si uno gastó más de lo que reservó.")


class Quota(serializers.Serializer[Any]):
    used_today = serializers.IntegerField()
    left_today = serializers.IntegerField()
    used_phase = serializers.IntegerField()
    left_phase = serializers.IntegerField()
    next_attempt_at = serializers.DateTimeField(
        allow_null=True, help_text="Nulo si se puede enviar ya, o si no quedan intentos en la fase."
    )
    energy = Energy(allow_null=True, help_text="Nulo si la fase no limita la energía.")


class PhaseSummary(serializers.Serializer[Any]):
    slug = serializers.SlugField()
    title = serializers.CharField()
    state = serializers.ChoiceField(choices=PHASE_STATES)
    opens_at = serializers.DateTimeField()
    closes_at = serializers.DateTimeField()
    freeze_at = serializers.DateTimeField(allow_null=True)
    time_zone = serializers.CharField()


class Policy(serializers.Serializer[Any]):
    name = serializers.CharField()
    parameters = serializers.DictField()


class PhasePolicy(Policy):
    fingerprint = serializers.CharField(
        allow_null=True, help_text="SHA-256 de la política y sus parámetros. Nulo si no pueden funcionar."
    )


class PhaseDetail(PhaseSummary):
    policy = PhasePolicy()
    evidence_grade = serializers.ChoiceField(choices=list("ABCDE"))
    estimated = serializers.BooleanField(
        help_text="La energía de esta fase es una estimación, no una medida."
    )
    limits = Limits()
    slots = serializers.DictField(child=serializers.CharField())
    private_case_count = serializers.IntegerField()
    public_cases = Case(many=True)


class ChallengeSummary(serializers.Serializer[Any]):
    slug = serializers.SlugField()
    title = serializers.CharField()
    summary = serializers.CharField()
    language = serializers.CharField()
    phases = PhaseSummary(many=True)


class ChallengeDetail(serializers.Serializer[Any]):
    slug = serializers.SlugField()
    title = serializers.CharField()
    summary = serializers.CharField()
    statement = serializers.CharField(help_text="Markdown.")
    language = serializers.CharField()
    licence = serializers.CharField()
    phases = PhaseDetail(many=True)


class BoardRow(serializers.Serializer[Any]):
    participation = serializers.UUIDField()
    rank = serializers.IntegerField(allow_null=True)
    tied = serializers.BooleanField()
    tie_group = serializers.IntegerField(
        allow_null=True, help_text="Los de un grupo no se distinguen de su primero. Nulo si no se sabe."
    )
    best_rank = serializers.IntegerField(
        allow_null=True, help_text="El mejor puesto que el azar deja abierto."
    )
    worst_rank = serializers.IntegerField(allow_null=True)
    score_low = serializers.CharField(allow_null=True, help_text="Intervalo del 95 % de la puntuación.")
    score_high = serializers.CharField(allow_null=True)
    name = serializers.CharField()
    score = serializers.CharField()
    quality = serializers.CharField()
    energy_mj = serializers.IntegerField()
    prompt_tokens = serializers.IntegerField()
    completion_tokens = serializers.IntegerField()
    attempts = serializers.IntegerField()
    scored_at = serializers.DateTimeField()
    reaches_minimum = serializers.BooleanField()
    is_ranked = serializers.BooleanField()


class Waiting(serializers.Serializer[Any]):
    """Por qué esperan los envíos aceptados. Siguen solos en cuanto vuelva lo que no responde."""

    since = serializers.DateTimeField()

    def get_fields(self) -> dict[str, Any]:
        # No class body can name a field so.
        return {"for": serializers.ChoiceField(choices=Circuit.Name.values), **super().get_fields()}


class Board(serializers.Serializer[Any]):
    phase = serializers.SlugField()
    challenge = serializers.SlugField()
    version = serializers.IntegerField()
    generated_at = serializers.DateTimeField()
    evidence_grade = serializers.CharField()
    estimated = serializers.BooleanField()
    frozen = serializers.BooleanField()
    waiting = Waiting(allow_null=True)
    rows = BoardRow(many=True)


class SealedRecord(serializers.Serializer[Any]):
    """El lugar de la puntuación en la cadena de registros de su fase."""

    number = serializers.IntegerField()
    sha256 = serializers.CharField()


class Score(serializers.Serializer[Any]):
    value = serializers.DecimalField(max_digits=8, decimal_places=4)
    quality = serializers.DecimalField(max_digits=7, decimal_places=6)
    green = serializers.DecimalField(max_digits=7, decimal_places=6)
    reaches_minimum = serializers.BooleanField()
    energy_mj = serializers.IntegerField()
    evidence_grade = serializers.CharField()
    estimated = serializers.BooleanField()
    is_ranked = serializers.BooleanField()
    prompt_tokens = serializers.IntegerField()
    completion_tokens = serializers.IntegerField()
    policy = Policy()
    record = SealedRecord(allow_null=True)
    scored_at = serializers.DateTimeField()


class Review(serializers.Serializer[Any]):
    """Por qué está apartada la puntuación, o lo estuvo, y qué decidió la organización."""

    state = serializers.ChoiceField(choices=["pending", "accepted", "rejected"])
    state_text = serializers.CharField(help_text="El estado en palabras.")
    counts = serializers.BooleanField(help_text="Si la puntuación cuenta en la clasificación.")
    since = serializers.DateTimeField()
    flags = serializers.ListField(child=serializers.CharField())
    reasons = serializers.ListField(child=serializers.CharField(), help_text="Los avisos en palabras.")
    decided_at = serializers.DateTimeField(allow_null=True)
    decision_reason = serializers.CharField(allow_blank=True, help_text="El motivo de la organización.")


class Progress(serializers.Serializer[Any]):
    done = serializers.IntegerField(help_text="Casos respondidos.")
    total = serializers.IntegerField(help_text="Casos en total, públicos y privados.")
    repetition = serializers.IntegerField(help_text="La repetición que se está midiendo.")
    repetitions = serializers.IntegerField(help_text="Cuántas habrá, como poco; 1 donde no se mide.")
    ahead = serializers.IntegerField(allow_null=True, help_text="Evaluaciones que esperan antes que esta.")
    wait_s = serializers.IntegerField(
        allow_null=True, help_text="Cuánto puede faltar, por lo que tardaron las últimas. Nulo si no se sabe."
    )


class Fault(serializers.Serializer[Any]):
    is_ours = serializers.BooleanField()
    attempt_returned = serializers.BooleanField()
    code = serializers.CharField()
    detail = serializers.CharField()


class EnergyInterval(serializers.Serializer[Any]):
    """Del 95 %: la cifra ± lo que dicen las repeticiones ± lo que dice el contador.

    De una cifra calculada con un modelo calibrado (grado D), el de predicción, sin esas dos partes.
    """

    low_mj = serializers.IntegerField()
    high_mj = serializers.IntegerField()
    repetitions_mj = serializers.IntegerField(allow_null=True, help_text="Nulo con una sola repetición.")
    counter_mj = serializers.IntegerField(allow_null=True)


class EnergyRepetition(serializers.Serializer[Any]):
    number = serializers.IntegerField()
    energy_mj = serializers.IntegerField()
    seconds = serializers.DecimalField(max_digits=12, decimal_places=3)
    flags = serializers.ListField(child=serializers.CharField())


class ReferenceRun(serializers.Serializer[Any]):
    """La carga de referencia, antes o después de las repeticiones."""

    place = serializers.ChoiceField(choices=["before", "after"])
    measured_at = serializers.DateTimeField()
    energy_mj = serializers.IntegerField()
    passes = serializers.IntegerField()
    is_baseline = serializers.BooleanField()
    drift_percent = serializers.DecimalField(
        max_digits=12,
        decimal_places=4,
        allow_null=True,
        help_text="Por pasada, respecto a la base de su día.",
    )
    idle_mw = serializers.IntegerField(
        allow_null=True, help_text="Potencia en reposo: se muestra, pero no se resta."
    )


class Reference(serializers.Serializer[Any]):
    runs = ReferenceRun(many=True)
    between_percent = serializers.DecimalField(
        max_digits=12, decimal_places=4, allow_null=True, help_text="De antes a después."
    )


class Measurement(serializers.Serializer[Any]):
    energy_mj = serializers.IntegerField(help_text="La mediana de las repeticiones.")
    seconds = serializers.DecimalField(
        max_digits=12, decimal_places=3, help_text="De todas las repeticiones juntas."
    )
    evidence_grade = serializers.CharField()
    source = serializers.CharField()  # type: ignore[assignment]  # as above
    flags = serializers.ListField(child=serializers.CharField())
    witness_mj = serializers.IntegerField(allow_null=True)
    co2_mg = serializers.IntegerField(allow_null=True)
    interval = EnergyInterval(allow_null=True, help_text="Nulo si la cifra es una estimación (grado E).")
    spread_percent = serializers.DecimalField(
        max_digits=12,
        decimal_places=4,
        allow_null=True,
        help_text="De la repetición menor a la mayor, respecto a la mediana.",
    )
    repetitions = EnergyRepetition(many=True)
    reference = Reference(allow_null=True)


class AnsweredCase(serializers.Serializer[Any]):
    key = serializers.CharField()
    group = serializers.CharField(allow_blank=True)
    inputs = serializers.DictField(child=serializers.CharField())
    expected = serializers.JSONField()
    answer = serializers.CharField(allow_blank=True)
    grade = serializers.DecimalField(max_digits=7, decimal_places=6)
    reason = serializers.CharField(allow_blank=True)


class PrivateTotal(serializers.Serializer[Any]):
    """Todo lo que se dice de los casos privados."""

    cases = serializers.IntegerField()
    quality = serializers.DecimalField(max_digits=7, decimal_places=6, allow_null=True)


class SubmissionSummary(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    challenge = serializers.SlugField()
    phase = serializers.SlugField()
    kind = serializers.CharField()
    created_at = serializers.DateTimeField()
    state = serializers.ChoiceField(choices=State.choices)
    state_text = serializers.CharField(help_text="El estado en palabras.")
    is_final = serializers.BooleanField()
    score = Score(allow_null=True)


class SubmissionDetail(SubmissionSummary):
    content = Content(help_text="Como se guardó, según su tipo.")
    content_sha256 = serializers.CharField()
    progress = Progress()
    waiting = Waiting(allow_null=True)
    fault = Fault(allow_null=True)
    review = Review(allow_null=True)
    measurement = Measurement(allow_null=True)
    public_cases = AnsweredCase(many=True)
    private_cases = PrivateTotal()


class SubmissionPage(serializers.Serializer[Any]):
    next = serializers.URLField(allow_null=True)
    previous = serializers.URLField(allow_null=True)
    results = SubmissionSummary(many=True)
