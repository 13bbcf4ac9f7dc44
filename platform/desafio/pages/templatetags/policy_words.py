"""What a policy asks for, as the boards say it of a row that does not do it."""

from __future__ import annotations

from collections.abc import Mapping

from django import template
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy

register = template.Library()

BELOW_THE_MINIMUM = gettext_lazy("por debajo de la calidad mínima")
# Policies that ask for something else than a quality.
MISSED: Mapping[str, str | Promise] = {"budget": gettext_lazy("por encima de la bolsa de energía")}


@register.filter
def missed(policy: str) -> str:
    """Beside the name of a row whose ``reaches_minimum`` is false: «por debajo de la calidad mínima»."""
    return str(MISSED.get(policy, BELOW_THE_MINIMUM))
