"""The demo shop's settings. Everything a try-on needs is under the heading "try-on"."""

from __future__ import annotations

import os
from pathlib import Path

BASE_DIR = Path(__file__).resolve().parent.parent
VAR = Path(os.environ.get("TRYON_SHOP_VAR", BASE_DIR / "var"))
VAR.mkdir(parents=True, exist_ok=True)

SECRET_KEY = os.environ.get("SECRET_KEY", "demo-only-not-secret-do-not-deploy")
DEBUG = os.environ.get("DEBUG", "1") == "1"
ALLOWED_HOSTS = os.environ.get("ALLOWED_HOSTS", "127.0.0.1,localhost,[::1]").split(",")

INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django_q",
    "tryon",
    "tryon_shop",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "tryon_shop.middleware.ContentSecurityPolicy",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]
ROOT_URLCONF = "tryon_shop.urls"
WSGI_APPLICATION = "tryon_shop.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.template.context_processors.i18n",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "tryon_shop.bag.context",
            ],
        },
    },
]

# SQLite with these three options carries web and worker side by side; without them requests fail as "locked".
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": VAR / "db.sqlite3",
        "OPTIONS": {
            "transaction_mode": "IMMEDIATE",
            "timeout": 20,
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
        },
    }
}
CACHES = {
    # shared by web and worker, so that the web pages can tell whether a worker is alive
    "default": {"BACKEND": "django.core.cache.backends.filebased.FileBasedCache", "LOCATION": VAR / "cache"}
}

LANGUAGE_CODE = "en"
LANGUAGES = [("en", "English"), ("de", "Deutsch"), ("fr", "Français"), ("ar", "العربية")]
LOCALE_PATHS = [BASE_DIR / "locale"]
TIME_ZONE = "UTC"
USE_TZ = True

STATIC_URL = "static/"
STATIC_ROOT = VAR / "static"
STATICFILES_DIRS = [BASE_DIR / "static"]
MEDIA_URL = "media/"
MEDIA_ROOT = VAR / "media"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

if not DEBUG:  # behind a web server that ends TLS; `manage.py check --deploy` has nothing to complain of
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    SECURE_SSL_REDIRECT = os.environ.get("HTTPS", "1") == "1"
    SECURE_HSTS_SECONDS = 3600 * 24 * 365
    SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = True
    SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = True
    SILENCED_SYSTEM_CHECKS = ["tryon.W014"]  # the built-in engine is what this shop wants to show

DATA_UPLOAD_MAX_MEMORY_SIZE = 20 * 1024 * 1024
LOGIN_URL = "admin:login"

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "handlers": {"console": {"class": "logging.StreamHandler"}},
    "loggers": {"tryon": {"handlers": ["console"], "level": "INFO"}},
}

# The policy the shop is served under; the widget needs blob: for the photo shown before it is sent.
CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)

# ---- try-on

TRYON = {
    "CATALOG": "tryon_shop.catalog.ShopCatalog",
    "PRIVATE_ROOT": str(VAR / "private"),
    "SIZE_GUIDE_URL": "/size-guide/",
    "DAILY_LIMIT": 100,
    "CAPS": {"shop": {"day": 12}, "shopper": {"day": 5}},
    # a demo is tried out by one person in a hurry, often a script
    "RATE_LIMITS": {"sessions": "120/min", "address": "900/min", "shopper": "900/min"},
}

# `make sandbox-demo`: the hosted providers' adapters, talking to a local server that speaks like the five of them
SANDBOX = os.environ.get("TRYON_SANDBOX", "")
if SANDBOX:
    _HOSTED = {
        "fashn": "FashnProvider",
        "pixelcut": "PixelcutProvider",
        "pixelapi": "PixelAPIProvider",
        "superstyle": "SuperStyleProvider",
        "pebblely": "PebblelyProvider",
    }
    _OPTIONS = {"api_key": "pk_live_sandbox", "allow_private_hosts": True}
    TRYON["PROVIDERS"] = {
        alias: {
            "BACKEND": f"tryon.providers.{alias}.{name}",
            "OPTIONS": {**_OPTIONS, "base_url": f"{SANDBOX}/{alias}"},
        }
        for alias, name in _HOSTED.items()
    }
    TRYON["ROUTES"] = {"try_on": ["fashn", "pixelcut", "pixelapi"], "model_shot": ["pebblely", "fashn"]}

Q_CLUSTER = {
    "name": "tryon_shop",
    "orm": "default",
    "workers": 2,
    "timeout": 240,
    "retry": 300,
    "max_attempts": 1,
    "ack_failures": True,
    "save_limit": 50,
    "poll": 0.2,
    "bulk": 1,
}
