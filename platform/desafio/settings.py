"""Settings, all read from the environment (docs/settings.md); ``./alia demo`` sets them for one machine.

The defaults are those of production: nothing here is looser unless a variable says so.
"""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import environ
from csp.constants import NONE, SELF
from django.utils.translation import gettext_lazy as _

from desafio import logs

env = environ.Env()
PACKAGE_DIR = Path(__file__).resolve().parent


def _templates_dir(package: Path) -> Path:
    """Templates lie inside an installed wheel, or at the root of a checkout."""
    packaged = package / "templates"
    return packaged if packaged.is_dir() else package.parents[1] / "templates"


def _celery_broker(redis_url: str) -> str:
    """kombu writes a Redis server's unix socket as ``redis+socket://``, redis-py as ``unix://``."""
    return redis_url.replace("unix://", "redis+socket://", 1)


# --- where things are -------------------------------------------------------------------------------------

DATA_DIR = Path(env.str("DESAFIO_DATA_DIR", default=str(Path.cwd() / "data"))).resolve()
DATABASE_URL = env.str("DATABASE_URL", default=f"sqlite:///{DATA_DIR / 'desafio.sqlite3'}")
# Where the sealed record of each score lies: one folder that all workers and the web share.
RECORDS_DIR = Path(env.str("RECORDS_DIR", default=str(DATA_DIR / "records"))).resolve()
REDIS_URL = env.str("REDIS_URL", default=f"unix://{DATA_DIR / 'valkey.sock'}")
LIVE_URL = env.str("LIVE_URL", default="").rstrip("/")
PUBLIC_URL = env.str("PUBLIC_URL", default="https://localhost").rstrip("/")
# Whose pages may read the live process across origins, and how many streams one such process holds open.
LIVE_ALLOWED_ORIGINS = env.list("LIVE_ALLOWED_ORIGINS", default=[PUBLIC_URL])
LIVE_MAX_STREAMS = env.int("LIVE_MAX_STREAMS", default=8_000)

INFERENCE_URL = env.str("INFERENCE_URL", default="http://127.0.0.1:8081")
INFERENCE_API_KEY = env.str("INFERENCE_API_KEY", default="")
INFERENCE_MODEL = env.str("INFERENCE_MODEL", default="gemma-3-270m")
INFERENCE_REVISION = env.str("INFERENCE_REVISION", default="")
# What the sealed records say of it: the hash of the weights' file, and the container image that runs it.
INFERENCE_FILE_SHA256 = env.str("INFERENCE_FILE_SHA256", default="")
INFERENCE_CONTAINER = env.str("INFERENCE_CONTAINER", default="")
INFERENCE_DIALECT = env.str("INFERENCE_DIALECT", default="chat")
INFERENCE_CHAT_FORMAT = env.str("INFERENCE_CHAT_FORMAT", default="plain")
# Fields that only some servers know, as JSON: llama.cpp's prompt cache must be off, or the order of the cases
# changes the energy.
INFERENCE_EXTRA_BODY = env.json("INFERENCE_EXTRA_BODY", default={})
# The model's tokenizer.json, with which previews count tokens; without it they ask the server.
TOKENIZER_FILE = env.str("TOKENIZER_FILE", default="")

# The file that ./alia calibrate wrote, for phases of grade D.
TOKEN_MODEL = env.str("TOKEN_MODEL", default="")
# The meter beside the model (python -m scoring.energy.meter): where it listens, the token that both sides
# know, and the device that it must count (empty: any). All that measure one device name it alike.
METER_URL = env.str("METER_URL", default="").rstrip("/")
METER_TOKEN = env.str("METER_TOKEN", default="")
METER_DEVICE = env.str("METER_DEVICE", default="")
# The protocol of a figure that a counter tells, docs/energy.md: each repetition's window, at least so long;
# how many, and how long they are together; the reference workload before and after (0: none), how far its
# runs may be apart, and how long to look at the device at rest. Less than these marks each figure.
METER_SHORTEST_WINDOW_SECONDS = env.float("METER_SHORTEST_WINDOW_SECONDS", default=1.0)
METER_WINDOW_SECONDS = env.float("METER_WINDOW_SECONDS", default=30.0)
MEASUREMENT_REPETITIONS = env.int("MEASUREMENT_REPETITIONS", default=5)
REFERENCE_SECONDS = env.float("REFERENCE_SECONDS", default=10.0)
REFERENCE_TOLERANCE_PERCENT = env.float("REFERENCE_TOLERANCE_PERCENT", default=2.0)
IDLE_SECONDS = env.float("IDLE_SECONDS", default=3.0)
# The same protocol for a figure that is worked out from tokens: one answer tells all its tokens, and the
# reference workload only has to show that the backend counts as it did.
ESTIMATE_REPETITIONS = env.int("ESTIMATE_REPETITIONS", default=1)
ESTIMATE_REFERENCE_SECONDS = env.float("ESTIMATE_REFERENCE_SECONDS", default=0.5)

# Where the model runs, and its room's power usage effectiveness (1: cooling and supply are not counted). Both
# are told beside the CO2, and neither is in any figure that ranks.
MACHINE_LOCATION = env.str("MACHINE_LOCATION", default="España")
MACHINE_PUE = env.float("MACHINE_PUE", default=1.0)

# How long a backend that just failed may take to answer a prompt of one token.
BACKEND_PROBE_SECONDS = env.float("BACKEND_PROBE_SECONDS", default=5.0)
LEASE_SECONDS = env.int("LEASE_SECONDS", default=15)
EVALUATION_SECONDS = env.int("EVALUATION_SECONDS", default=3600)
WITNESS_ENABLED = env.bool("WITNESS_ENABLED", default=True)
# The Celery queue that web, sweeper and workers share, and what a worker calls itself (empty: its host).
WORK_QUEUE = env.str("WORK_QUEUE", default="evaluations")
WORKER_NAME = env.str("WORKER_NAME", default="")
# Where pg_dump, pg_restore and psql lie, when they are neither on the path nor where Debian puts them.
PG_BIN = env.str("PG_BIN", default="")

# --- security ---------------------------------------------------------------------------------------------

SECRET_KEY = env.str("SECRET_KEY", default="")
DEBUG = False
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=["localhost", "127.0.0.1", "[::1]"])
# A laptop or a test serves plain HTTP on loopback; everything else is HTTPS only.
HTTP_ONLY = env.bool("DESAFIO_HTTP_ONLY", default=False)
CSRF_TRUSTED_ORIGINS = env.list("CSRF_TRUSTED_ORIGINS", default=[PUBLIC_URL])
SECURE_SSL_REDIRECT = not HTTP_ONLY
# Supervisors on this host ask without TLS, and a redirect would count as good health.
SECURE_REDIRECT_EXEMPT = [r"^salud/"]
SECURE_PROXY_SSL_HEADER = (
    ("HTTP_X_FORWARDED_PROTO", "https") if env.bool("BEHIND_PROXY", default=False) else None
)
SECURE_HSTS_SECONDS = 0 if HTTP_ONLY else 31_536_000
SECURE_HSTS_INCLUDE_SUBDOMAINS = not HTTP_ONLY
SECURE_HSTS_PRELOAD = not HTTP_ONLY
SECURE_REFERRER_POLICY = "same-origin"
SESSION_COOKIE_SECURE = not HTTP_ONLY
CSRF_COOKIE_SECURE = not HTTP_ONLY
CSRF_COOKIE_HTTPONLY = True
X_FRAME_OPTIONS = "DENY"
# A template is at most some kilobytes; a megabyte of anything is a mistake or an attack.
DATA_UPLOAD_MAX_MEMORY_SIZE = 2_000_000
DATA_UPLOAD_MAX_NUMBER_FIELDS = 200

CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [SELF],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF, "data:"],
        "connect-src": [SELF, *([LIVE_URL] if LIVE_URL else [])],
        "object-src": [NONE],
        "base-uri": [NONE],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
    },
}

PASSWORD_HASHERS = ["django.contrib.auth.hashers.Argon2PasswordHasher"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {
        "NAME": "django.contrib.auth.password_validation.MinimumLengthValidator",
        "OPTIONS": {"min_length": 10},
    },
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
]

# --- applications -----------------------------------------------------------------------------------------

INSTALLED_APPS = [
    "desafio.backoffice.apps.BackofficeConfig",
    "desafio.backoffice.apps.GestionConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "csp",
    "allauth",
    "allauth.account",
    "rest_framework",
    "knox",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "challenges",
    "desafio.accounts",
    "desafio.pages",
    "desafio.jury",
    "desafio.api",
    "desafio.live",
    "desafio.demo",
    "desafio.operations",
]

MIDDLEWARE = [
    "desafio.operations.request_ids.request_ids",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "allauth.account.middleware.AccountMiddleware",
]

ROOT_URLCONF = "desafio.urls"
WSGI_APPLICATION = "desafio.wsgi.application"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [_templates_dir(PACKAGE_DIR)],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "django.template.context_processors.i18n",
            ],
        },
    },
]

# --- database, cache, queue -------------------------------------------------------------------------------

DATABASES = {"default": env.db_url_config(DATABASE_URL)}
if DATABASES["default"]["ENGINE"] == "django.db.backends.sqlite3":
    # IMMEDIATE, or a read that turns into a write fails at once with "database is locked".
    DATABASES["default"]["OPTIONS"] = {
        "transaction_mode": "IMMEDIATE",
        "timeout": 20,
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA foreign_keys=ON;",
    }
else:
    DATABASES["default"]["CONN_MAX_AGE"] = 60
    DATABASES["default"]["CONN_HEALTH_CHECKS"] = True
    _options = DATABASES["default"].setdefault("OPTIONS", {})
    # A host that swallows packets must not hold a web process for minutes.
    _options.setdefault("connect_timeout", 5)
    # Nor may a worker that is frozen in the middle of a transaction keep its locks: the server ends it.
    _options.setdefault("options", f"-c idle_in_transaction_session_timeout={2 * LEASE_SECONDS}s")

# Throttles count in the database: they must be shared by all web processes and outlive the loss of Valkey.
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.db.DatabaseCache",
        "LOCATION": "desafio_cache",
        "OPTIONS": {"MAX_ENTRIES": 100_000},
    }
}

CELERY_BROKER_URL = _celery_broker(REDIS_URL)
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = False
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_TASK_DEFAULT_QUEUE = WORK_QUEUE
CELERY_TASK_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
# Publishing must fail fast when the broker is away (0.3 s), while a worker tries to come back for ever.
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "visibility_timeout": 30,
    "socket_timeout": 0.3,
    "socket_connect_timeout": 0.3,
    "retry_on_timeout": False,
    "max_retries": 0,
    "interval_start": 0,
    "interval_step": 0,
    "interval_max": 0,
}
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_CONNECTION_MAX_RETRIES = None

# --- people -----------------------------------------------------------------------------------------------

AUTH_USER_MODEL = "challenges.Person"
AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "home"
ACCOUNT_ADAPTER = "desafio.accounts.adapter.AccountAdapter"
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*", "password2*"]
ACCOUNT_FORMS = {
    "signup": "desafio.accounts.forms.SignupForm",
    "login": "desafio.accounts.forms.LoginForm",
    "reauthenticate": "desafio.accounts.forms.ReauthenticateForm",
    "reset_password": "desafio.accounts.forms.ResetPasswordForm",
    "reset_password_from_key": "desafio.accounts.forms.ResetPasswordKeyForm",
    "change_password": "desafio.accounts.forms.ChangePasswordForm",
    "add_email": "desafio.accounts.forms.AddEmailForm",
}
ACCOUNT_EMAIL_VERIFICATION = "mandatory"
ACCOUNT_EMAIL_SUBJECT_PREFIX = "[Desafío ALIA] "
ACCOUNT_LOGIN_ON_EMAIL_CONFIRMATION = True
ACCOUNT_LOGOUT_ON_GET = False
ACCOUNT_PREVENT_ENUMERATION = True
ACCOUNT_DEFAULT_HTTP_PROTOCOL = "http" if HTTP_ONLY else "https"
ACCOUNT_RATE_LIMITS = env.json(
    "ACCOUNT_RATE_LIMITS",
    default={
        "signup": "20/m/ip",
        "login": "30/m/ip",
        "login_failed": "10/m/ip,5/300s/key",
        "reset_password": "20/m/ip,5/m/key",
        "confirm_email": "1/10s/key",
    },
)

NUM_PROXIES = env.int("NUM_PROXIES", default=0)
# Without it everybody behind a proxy of ours would be throttled as one.
ALLAUTH_TRUSTED_PROXY_COUNT = NUM_PROXIES

# The e-mails of a demo are kept as files and shown on a page of the demo; production sets EMAIL_URL.
if env.str("EMAIL_URL", default=""):
    vars().update(env.email_url("EMAIL_URL"))
else:
    EMAIL_BACKEND = "django.core.mail.backends.filebased.EmailBackend"
    EMAIL_FILE_PATH = str(DATA_DIR / "mail")
DEFAULT_FROM_EMAIL = env.str("DEFAULT_FROM_EMAIL", default="Desafío ALIA <desafio@localhost>")
# Only a demo shows the verification link on the page that says "look at your inbox".
SHOW_MAIL_ON_PAGE = env.bool("SHOW_MAIL_ON_PAGE", default=False)

# --- REST -------------------------------------------------------------------------------------------------

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "desafio.api.tokens.BearerToken",
        "rest_framework.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["desafio.api.strict_json.StrictJSONParser"],
    "DEFAULT_SCHEMA_CLASS": "desafio.api.openapi.ProblemAwareSchema",
    "DEFAULT_THROTTLE_CLASSES": [
        "rest_framework.throttling.AnonRateThrottle",
        "rest_framework.throttling.UserRateThrottle",
        "rest_framework.throttling.ScopedRateThrottle",
    ],
    "DEFAULT_THROTTLE_RATES": env.json(
        "API_THROTTLE_RATES",
        default={"anon": "120/min", "user": "300/min", "login": "10/min", "submit": "30/min"},
    ),
    "EXCEPTION_HANDLER": "desafio.api.problems.exception_handler",
    "NUM_PROXIES": NUM_PROXIES,
}
# Only the hash of a token is stored; a week is as long as a phase's last days.
REST_KNOX = {"TOKEN_TTL": timedelta(days=7), "AUTH_HEADER_PREFIX": "Bearer"}
SPECTACULAR_SETTINGS = {
    "TITLE": "Desafío ALIA",
    "DESCRIPTION": "Lo mismo que la web, para programas. Los errores son documentos RFC 9457 en castellano.",
    "VERSION": "1",
    "ENUM_NAME_OVERRIDES": {
        "EvaluationState": "challenges.models.evaluation.State",
        "PhaseState": "desafio.api.answers.PHASE_STATES",
    },
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "desafio.api.openapi.refuse_unknown_fields",
    ],
    "SCHEMA_PATH_PREFIX": r"/api/v1",
    "SERVE_INCLUDE_SCHEMA": False,
    "SWAGGER_UI_SETTINGS": {"deepLinking": True, "defaultModelsExpandDepth": 0},
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
}

# --- language, static files, logs -------------------------------------------------------------------------

LANGUAGE_CODE = "es"
# One by one, each as its catalogue is complete: a half-translated page is worse than a Spanish one.
LANGUAGES = [("es", _("castellano"))]
LOCALE_PATHS = [PACKAGE_DIR / "locale"]
# 1.234,56 in Spanish: Django's own format groups with a space.
FORMAT_MODULE_PATH = ["desafio.pages.formats"]
TIME_ZONE = "Europe/Madrid"
USE_TZ = True

STATIC_URL = "/estatico/"
STATICFILES_DIRS = [PACKAGE_DIR / "static"]
STATIC_ROOT = DATA_DIR / "static"
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    # Compressing all files takes half a minute: worth it once a release, not before a demo on loopback.
    "staticfiles": {
        "BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"
        if env.bool("STATIC_COMPRESSION", default=True)
        else "django.contrib.staticfiles.storage.ManifestStaticFilesStorage"
    },
}

LOGGING = logs.config(
    log_format=env.str("LOG_FORMAT", default="json"), level=env.str("LOG_LEVEL", default="INFO")
)
# Who shows it may read the figures of operation; while it is empty there is no such page.
METRICS_TOKEN = env.str("METRICS_TOKEN", default="")
