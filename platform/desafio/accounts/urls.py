"""Addresses of accounts: in Spanish, under the names that allauth looks up."""

from __future__ import annotations

from allauth.account import views as allauth_views
from django.urls import URLPattern, URLResolver, include, path, re_path

from desafio.accounts import profile, views

_profile = [
    path("", profile.show, name="profile"),
    path("nombre/", profile.rename, name="rename"),
    path("consentimientos/<slug:purpose>/", profile.consent, name="consent"),
]

urlpatterns: list[URLPattern | URLResolver] = [
    path("registro/", views.Signup.as_view(), name="account_signup"),
    path(
        "registro/correo-enviado/", views.VerificationSent.as_view(), name="account_email_verification_sent"
    ),
    re_path(r"^confirmar/(?P<key>[-:\w]+)/$", allauth_views.confirm_email, name="account_confirm_email"),
    path("entrar/", views.Login.as_view(), name="account_login"),
    path("entrar/otra-vez/", views.Reauthenticate.as_view(), name="account_reauthenticate"),
    path("salir/", allauth_views.logout, name="account_logout"),
    path("cuenta-desactivada/", allauth_views.account_inactive, name="account_inactive"),
    path("contrasena/", views.ResetPassword.as_view(), name="account_reset_password"),
    path("contrasena/enviada/", allauth_views.password_reset_done, name="account_reset_password_done"),
    re_path(
        r"^contrasena/nueva/(?P<uidb36>[0-9A-Za-z]+)-(?P<key>.+)/$",
        views.ResetPasswordFromKey.as_view(),
        name="account_reset_password_from_key",
    ),
    path(
        "contrasena/cambiada/",
        allauth_views.password_reset_from_key_done,
        name="account_reset_password_from_key_done",
    ),
    path("perfil/contrasena/", views.ChangePassword.as_view(), name="account_change_password"),
    # Nobody here lacks a password: whoever forgot it asks for a link, which also proves the address.
    path("perfil/contrasena/poner/", views.ResetPassword.as_view(), name="account_set_password"),
    path("perfil/correo/", views.ChangeEmail.as_view(), name="account_email"),
    path("perfil/", include((_profile, "accounts"))),
]
