"""allauth's views with our forms' refusals as 422, and the demo's mail on the page. They decide nothing."""

from __future__ import annotations

from typing import Any

from allauth.account import views as allauth_views
from django import forms
from django.conf import settings
from django.core.exceptions import NON_FIELD_ERRORS
from django.db import IntegrityError
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import render
from django.utils.text import capfirst

from challenges.errors import BoardNameRefused
from challenges.sentences import what
from desafio.accounts import mailbox, throttle

# The address that this browser has just used, so that a demo shows the mail of nobody else.
ADDRESS_IN_SESSION = "address_waiting_for_verification"


class _RefusesWith422:
    """A form that is sent back with its mistakes is a refusal, and says so to programs too."""

    # Django's form views take a PUT for a POST; nobody sends us one.
    http_method_names = ("get", "head", "post", "options")

    def form_invalid(self, form: forms.Form) -> HttpResponseBase:
        response: HttpResponseBase = super().form_invalid(form)  # type: ignore[misc]  # a mixin of FormView
        response.status_code = 422
        return response


class Signup(_RefusesWith422, allauth_views.SignupView):  # type: ignore[misc]  # allauth has no types
    def form_valid(self, form: Any) -> HttpResponseBase:
        self.request.session[ADDRESS_IN_SESSION] = form.cleaned_data["email"]
        try:
            response: HttpResponseBase = super().form_valid(form)
        except BoardNameRefused as refused:  # two people, one name, the same instant
            form.add_error("board_name", capfirst(what(refused.problem)))
            return self.form_invalid(form)
        except IntegrityError:  # two clicks, one address, the same instant: the other one made the account
            form.account_already_exists = True
            response = super().form_valid(form)
        return response


class Login(_RefusesWith422, allauth_views.LoginView):  # type: ignore[misc]  # allauth has no types
    def form_valid(self, form: Any) -> HttpResponseBase:
        self.request.session[ADDRESS_IN_SESSION] = form.cleaned_data["login"]
        response: HttpResponseBase = super().form_valid(form)
        return response

    def form_invalid(self, form: forms.Form) -> HttpResponseBase:
        response = super().form_invalid(form)
        if form.has_error(NON_FIELD_ERRORS, "too_many_login_attempts"):
            response.status_code = 429
        return response


class VerificationSent(allauth_views.EmailVerificationSentView):  # type: ignore[misc]  # allauth has no types
    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        context: dict[str, Any] = super().get_context_data(**kwargs)
        address = self.request.session.get(ADDRESS_IN_SESSION, "")
        context["address"] = address
        context["is_demo"] = settings.SHOW_MAIL_ON_PAGE
        context["demo_link"] = mailbox.confirmation_link(address) if settings.SHOW_MAIL_ON_PAGE else None
        return context


class Reauthenticate(_RefusesWith422, allauth_views.ReauthenticateView):  # type: ignore[misc]  # no types
    pass


class ResetPassword(_RefusesWith422, allauth_views.PasswordResetView):  # type: ignore[misc]  # no types
    pass


class ResetPasswordFromKey(
    _RefusesWith422,
    allauth_views.PasswordResetFromKeyView,  # type: ignore[misc]  # no types
):
    pass


class ChangePassword(_RefusesWith422, allauth_views.PasswordChangeView):  # type: ignore[misc]  # no types
    pass


class ChangeEmail(_RefusesWith422, allauth_views.EmailView):  # type: ignore[misc]  # no types
    pass


def too_many_requests(request: HttpRequest) -> HttpResponse:
    """Named ``handler429`` in the root URLs, where allauth looks for it."""
    wait_s = throttle.wait_s(request)
    response = render(request, "429.html", {"minutes": -(-wait_s // 60)}, status=429)
    response.headers["Retry-After"] = str(wait_s)
    return response
