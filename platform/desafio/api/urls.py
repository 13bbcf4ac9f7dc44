"""Addresses of the REST interface, in English: they are read by programs."""

from __future__ import annotations

from django.urls import URLPattern, URLResolver, include, path, re_path

from desafio.api import access, challenge_views, documents, submission_views

app_name = "api"

_v1 = [
    path("login/", access.Login.as_view(), name="login"),
    path("logout/", access.Logout.as_view(), name="logout"),
    path("challenges/", challenge_views.Challenges.as_view(), name="challenges"),
    path("challenges/<slug:slug>/", challenge_views.Challenge.as_view(), name="challenge"),
    path("challenges/<slug:slug>/join/", challenge_views.Join.as_view(), name="join"),
    path(
        "challenges/<slug:slug>/phases/<slug:phase>/board/",
        challenge_views.PhaseBoard.as_view(),
        name="board",
    ),
    path(
        "challenges/<slug:slug>/phases/<slug:phase>/quota/",
        submission_views.PhaseQuota.as_view(),
        name="quota",
    ),
    path("kinds/<slug:kind>/schema/", challenge_views.KindSchema.as_view(), name="kind-schema"),
    path("submissions/", submission_views.Submissions.as_view(), name="submissions"),
    path("submissions/check/", submission_views.CheckSubmission.as_view(), name="check"),
    path("submissions/expect/", submission_views.ExpectSubmission.as_view(), name="expect"),
    path("submissions/<uuid:pk>/", submission_views.OneSubmission.as_view(), name="submission"),
    path("submissions/<uuid:pk>/withdraw/", submission_views.Withdrawal.as_view(), name="withdraw"),
]

urlpatterns: list[URLPattern | URLResolver] = [
    path("v1/", include(_v1)),
    path("schema/", documents.Document.as_view(), name="schema"),
    path("docs/", documents.DocumentPage.as_view(), name="docs"),
    # Last: whatever else is asked for below /api/ is told so as a problem document, not as a page.
    re_path(r"", documents.Nowhere.as_view(), name="nowhere"),
]
