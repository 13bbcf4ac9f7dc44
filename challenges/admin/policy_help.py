"""What each policy takes, told to an organizer beside the field where its parameters are written."""

from __future__ import annotations

from collections.abc import Mapping

from django.utils.functional import Promise
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from scoring.policies import POLICIES

# Policies share parameters; one that is not here is told by its name.
MEANINGS: Mapping[str, str | Promise] = {
    "q_min": gettext_lazy('calidad mínima, un texto de "0" a "1" como "0.60"'),
    "e_ref_mj": gettext_lazy("milijulios con los que no se ahorra nada, un entero"),
    "e_min_mj": gettext_lazy("milijulios con los que se ahorra todo, un entero menor que e_ref_mj"),
    "lambda": gettext_lazy('lo que vale la calidad sola, un texto de "0" a "1" como "0.5"'),
    "e_half_mj": gettext_lazy("milijulios con los que la puntuación es 50, un entero"),
    "purse_mj": gettext_lazy("milijulios que puede gastar una evaluación entera, un entero"),
    "half_tokens": gettext_lazy("tokens ponderados con los que la puntuación es 50, un entero"),
    "prompt_weight": gettext_lazy("lo que cuenta un token leído, un entero de 0 a 1000"),
    "completion_weight": gettext_lazy("lo que cuenta un token escrito, un entero de 0 a 1000"),
}


def text() -> SafeString:
    """Every policy of the registry with its parameters, as a list."""
    rows = (
        (name, format_html_join("; ", "<code>{}</code> ({})", map(_told, policy.names)))
        for name, policy in POLICIES.items()
    )
    listed = format_html_join("", "<li><strong>{}</strong>: {}.</li>", rows)
    return format_html("{}<ul>{}</ul>", _("Un objeto JSON con todos los parámetros de la política:"), listed)


def _told(parameter: str) -> tuple[str, str]:
    return parameter, str(MEANINGS.get(parameter, "…"))
