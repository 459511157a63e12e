"""Django's settings: one place where the packages become one site."""

import os

from csp.constants import NONE, SELF
from psycopg.conninfo import conninfo_to_dict

from kangqiao.infra import configuration, postgres
from kangqiao.standards import imported_codes

CONFIGURATION = configuration.load()

imported_codes.keep_in(CONFIGURATION.home / "terminology")

DEBUG = CONFIGURATION.debug
SECRET_KEY = CONFIGURATION.secret_key
ALLOWED_HOSTS = list(CONFIGURATION.allowed_hosts)
ROOT_URLCONF = "kangqiao.wiring.urls"
ASGI_APPLICATION = "kangqiao.wiring.asgi.app"

INSTALLED_APPS = [
    "kangqiao.trust",
    "kangqiao.registry",
    "kangqiao.identity",
    "kangqiao.records.population",
    "kangqiao.records.health_record",
    "kangqiao.records.medical_record",
    "kangqiao.records.resources",
    "kangqiao.records",
    "kangqiao.intake",
    "kangqiao.quality",
    "kangqiao.apps.population",
    "kangqiao.apps.stewardship",
    "kangqiao.portal",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "procrastinate.contrib.django",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "kangqiao.trust.http.EveryRouteNamesItsPermission",
    "django.contrib.messages.middleware.MessageMiddleware",
    "kangqiao.portal.middleware.PagesAreNotKept",
    "kangqiao.portal.middleware.PasswordComesFirst",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "kangqiao.portal.context.shell",
            ],
        },
    },
]


# -- database --------------------------------------------------------------------------------------


NOWHERE = "postgresql://kangqiao@127.0.0.1:1/kangqiao"
"""A database that refuses every connection, for commands that need none."""


def database(url: str) -> dict[str, object]:
    """Return Django's settings for a PostgreSQL URL.

    Pages run in short-lived threads under ASGI, so connections are pooled per process, not kept per thread.
    """
    parts = conninfo_to_dict(url)
    named = {key: parts.pop(name, "") for key, name in _DATABASE_KEYS.items()}
    return {
        "ENGINE": "django.db.backends.postgresql",
        **named,
        "CONN_MAX_AGE": 0,
        "ATOMIC_REQUESTS": False,
        "OPTIONS": {"pool": {"min_size": 1, "max_size": 16, "timeout": 15}, **parts},
    }


_DATABASE_KEYS = {"NAME": "dbname", "USER": "user", "PASSWORD": "password", "HOST": "host", "PORT": "port"}
_EMBEDDED = postgres.recorded(CONFIGURATION.home)
DATABASE_URL = CONFIGURATION.database_url or (_EMBEDDED.url() if _EMBEDDED else NOWHERE)
DATABASES = {"default": database(DATABASE_URL)}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"


# -- people ----------------------------------------------------------------------------------------

AUTH_USER_MODEL = "trust.Account"
AUTHENTICATION_BACKENDS = ["kangqiao.trust.http.AccountBackend"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "kangqiao.trust.passwords.FourClassPassword"},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
LOGIN_URL = "portal:sign-in"
LOGIN_REDIRECT_URL = "portal:home"
LOGOUT_REDIRECT_URL = "portal:sign-in"
SESSION_COOKIE_AGE = 8 * 3600
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = CONFIGURATION.secure_cookies
SESSION_EXPIRE_AT_BROWSER_CLOSE = True


# -- what a browser may do -------------------------------------------------------------------------

CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [SELF],
        "img-src": [SELF, "data:"],
        "object-src": [NONE],
        "base-uri": [SELF],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
    }
}
CSRF_FAILURE_VIEW = "kangqiao.portal.views.faults.csrf_failure"
X_FRAME_OPTIONS = "DENY"
SECURE_REFERRER_POLICY = "same-origin"
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if CONFIGURATION.secure_cookies else None


# -- jobs ------------------------------------------------------------------------------------------

PROCRASTINATE_AUTODISCOVER_MODULE_NAME = "jobs"


# -- language and time -----------------------------------------------------------------------------

LANGUAGE_CODE = "zh-hans"
TIME_ZONE = "Asia/Shanghai"
USE_I18N = True
USE_TZ = True


# -- files that people send ------------------------------------------------------------------------

FILE_UPLOAD_TEMP_DIR = CONFIGURATION.home / "work"  # they hold personal data: never in a folder shared with others
FILE_UPLOAD_TEMP_DIR.mkdir(mode=0o700, exist_ok=True)


# -- page assets -----------------------------------------------------------------------------------

STATIC_URL = "static/"
STATIC_ROOT = CONFIGURATION.home / "static"
_COLLECTED = os.environ.get("KANGQIAO_PAGE_ASSETS") == "collected"  # said by `kangqiao up`, which collects them
WHITENOISE_ALLOW_ALL_ORIGINS = False
WHITENOISE_USE_FINDERS = not _COLLECTED
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"
        if _COLLECTED
        else "django.contrib.staticfiles.storage.StaticFilesStorage"
    },
}


# -- what is written down --------------------------------------------------------------------------

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"json": {"()": "kangqiao.infra.logs.JsonLines"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "json"}},
    "root": {"handlers": ["stderr"], "level": "WARNING"},
    "loggers": {
        "kangqiao": {"level": "INFO"},
        "django": {"handlers": ["stderr"], "level": "WARNING", "propagate": False},
        "django.server": {"handlers": ["stderr"], "level": "WARNING", "propagate": False},
    },
}
