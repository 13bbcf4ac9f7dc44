"""How long a person who tried too often has to wait: read from the same limits that refused the request."""

from __future__ import annotations

import math

from allauth.account import app_settings
from allauth.core.internal.ratelimit import parse_rates
from django.http import HttpRequest

DEFAULT_WAIT_S = 60
_ACTIONS = {
    "account_signup": "signup",
    "account_login": "login",
    "account_reauthenticate": "reauthenticate",
    "account_reset_password": "reset_password",
    "account_reset_password_from_key": "reset_password_from_key",
    "account_change_password": "change_password",
    "account_email": "manage_email",
}


def wait_s(request: HttpRequest) -> int:
    """Seconds after which the longest of the limits on this address is empty again."""
    match = request.resolver_match
    action = _ACTIONS.get(match.url_name or "") if match else None
    rates = parse_rates(app_settings.RATE_LIMITS.get(action)) if action else []
    return max((math.ceil(rate.duration) for rate in rates), default=DEFAULT_WAIT_S)
