"""
Settings of the project, read from the environment, with defaults.

``docs/reference/settings.md`` lists them. Local state (database, generated secret key,
admin password) is in ``var/``, which git ignores.
"""

import os
from hashlib import sha256
from pathlib import Path

from django.templatetags.static import static

from feeds import logs
from feeds.conf import ACCESS as ACCESS_WORDS
from feeds.conf import OPEN, SQLITE, TOKEN, Environment, secret_key

BASE_DIR = Path(__file__).resolve().parent.parent
env = Environment(os.environ)

VAR_DIR = env.folder("BLOCKFEED_VAR", BASE_DIR / "var")

DEBUG = env.flag("DEBUG", default=True)
SECRET_KEY = env.text("SECRET_KEY", "") or secret_key(VAR_DIR / "secret_key")
ALLOWED_HOSTS = env.hosts("ALLOWED_HOSTS", "localhost,127.0.0.1,[::1]")
CSRF_TRUSTED_ORIGINS = env.origins("CSRF_TRUSTED_ORIGINS", "")

# Scripts of other origins may read pages, but never as a signed-in user: no credentials.
CORS_ALLOWED_ORIGINS = env.cors_origins("CORS_ALLOWED_ORIGINS", "*" if DEBUG else "")
CORS_ALLOW_ALL_ORIGINS = "*" in CORS_ALLOWED_ORIGINS
CORS_ALLOWED_ORIGINS = [origin for origin in CORS_ALLOWED_ORIGINS if origin != "*"]
CORS_ALLOW_METHODS = ["GET", "HEAD"]
CORS_URLS_REGEX = r"^/(?!admin/)"

# Django and WhiteNoise know it by another name.
PATH_PREFIX = env.path_prefix("PATH_PREFIX")
FORCE_SCRIPT_NAME = PATH_PREFIX or None
SESSION_COOKIE_PATH = CSRF_COOKIE_PATH = f"{PATH_PREFIX}/"

ACCESS = env.choice("ACCESS", OPEN, ACCESS_WORDS)
PAGE_LOGIN = env.flag("PAGE_LOGIN", default=ACCESS == TOKEN)
WEBSOCKET_ORIGINS = env.websocket_origins("WEBSOCKET_ORIGINS", "")
# During development, pages of any server and from files may connect.
CHECK_ORIGINS = not DEBUG or bool(WEBSOCKET_ORIGINS) or env.is_set("ALLOWED_HOSTS")

# Only safe behind a proxy that overwrites these headers; otherwise any client can forge them.
BEHIND_TLS_PROXY = env.flag("BEHIND_TLS_PROXY", default=False)
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if BEHIND_TLS_PROXY else None
# Browsers share cookies between the ports of a host: each installation needs names of its own.
_INSTALLATION = sha256(str(VAR_DIR).encode()).hexdigest()[:8]
SESSION_COOKIE_NAME = f"sessionid_{_INSTALLATION}"
CSRF_COOKIE_NAME = f"csrftoken_{_INSTALLATION}"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = BEHIND_TLS_PROXY
SECURE_SSL_REDIRECT = env.flag("HTTPS_REDIRECT", default=False)
SECURE_HSTS_SECONDS = env.seconds("HSTS_SECONDS", 0)
# These would affect other hosts of the domain, which only the domain's owner may decide.
SILENCED_SYSTEM_CHECKS = ["security.W005", "security.W021"]

INSTALLED_APPS = [
    # Not daphne: it only adds its runserver, which ours replaces, and would make every command
    # load Twisted, which takes half a second.
    "feeds",
    "unfold",
    "unfold.contrib.filters",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "channels",
    "corsheaders",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "corsheaders.middleware.CorsMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "feeds.pages.away.DatabaseAway",
    "feeds.pages.guard.Guard",
]

ROOT_URLCONF = "wsproject.urls"
ASGI_APPLICATION = "wsproject.asgi.application"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]

DATABASES = {"default": env.database("DATABASE_URL", VAR_DIR / "db.sqlite3")}
# Connections outlive requests in workers only; these ask whether the server still has them.
DATABASES["default"]["CONN_HEALTH_CHECKS"] = True
if DATABASES["default"]["ENGINE"] == SQLITE:
    DATABASES["default"]["OPTIONS"] = {
        "timeout": 20,
        "transaction_mode": "IMMEDIATE",
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;",
    }
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

KEEP_SAMPLES_DAYS = env.days("KEEP_SAMPLES_DAYS", 7)
KEEP_REPORTS_DAYS = env.days("KEEP_REPORTS_DAYS", 30)
KEEP_MESSAGES_DAYS = env.days("KEEP_MESSAGES_DAYS", 30)
KEEP_CONNECTIONS_DAYS = env.days("KEEP_CONNECTIONS_DAYS", 30)
KEEP_SESSIONS_DAYS = env.days("KEEP_SESSIONS_DAYS", 90)

KEEP_SAMPLES_ROWS = env.whole("KEEP_SAMPLES_ROWS", 1_000_000)
KEEP_REPORTS_ROWS = env.whole("KEEP_REPORTS_ROWS", 5_000_000)
KEEP_MESSAGES_ROWS = env.whole("KEEP_MESSAGES_ROWS", 500_000)
KEEP_CONNECTIONS_ROWS = env.whole("KEEP_CONNECTIONS_ROWS", 1_000_000)
KEEP_SESSIONS_ROWS = env.whole("KEEP_SESSIONS_ROWS", 500_000)
KEEP_SESSION_REPORTS = env.whole("KEEP_SESSION_REPORTS", 1_000_000)
KEEP_MEGABYTES = env.whole("KEEP_MEGABYTES", 5_000)
WARN_FREE_MEGABYTES = env.whole("WARN_FREE_MEGABYTES", 1_000)

METRICS = env.networks("METRICS", "127.0.0.0/8,::1")

COMPILED_PASS = env.flag("COMPILED_PASS", default=True)

REDIS_URL = env.text("REDIS_URL", "embedded")
CHANNEL_LAYERS = {
    "default": {"BACKEND": "feeds.layer.channel_layer.FeedLayer", "CONFIG": {"url": REDIS_URL}},
}

AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]

LANGUAGE_CODE = "en"
TIME_ZONE = "UTC"
USE_I18N = False
USE_TZ = True
FORMAT_MODULE_PATH = "wsproject.formats"

# The page after signing in, unless another one was requested.
LOGIN_REDIRECT_URL = "admin:index"

STATIC_URL = f"{PATH_PREFIX}/static/"
# Serve files from their source folders, so that collectstatic is never needed, even without DEBUG.
WHITENOISE_USE_FINDERS = True

LOGGING = logs.configuration(
    env.choice("LOG_FORMAT", "short", logs.FORMS), env.choice("LOG_LEVEL", "info", logs.LEVELS)
)

UNFOLD = {
    "SITE_TITLE": "Blockfeed",
    "SITE_HEADER": "Blockfeed",
    "SITE_SUBHEADER": "feeds, sessions and receipts",
    "SITE_URL": f"{PATH_PREFIX}/",
    "SITE_ICON": lambda _request: static("feeds/icon.svg"),
    "SITE_FAVICONS": [
        {
            "rel": "icon",
            "type": "image/svg+xml",
            "href": lambda _request: static("feeds/icon.svg"),
        }
    ],
    "STYLES": [lambda _request: static("feeds/admin.css")],
    "SHOW_HISTORY": False,
    "DASHBOARD_CALLBACK": "feeds.admin.dashboard.callback",
    "ENVIRONMENT": "feeds.admin.navigation.trouble",
    "SIDEBAR": {"navigation": "feeds.admin.navigation.sidebar"},
    "COLORS": {
        # The page's own colour. White text stays readable on 600 and darker.
        "primary": {
            "50": "oklch(98.4% .014 180.7)",
            "100": "oklch(95.3% .051 180.8)",
            "200": "oklch(91% .096 180.4)",
            "300": "oklch(85.5% .138 181.1)",
            "400": "oklch(77.7% .152 181.9)",
            "500": "oklch(70.4% .14 182.5)",
            "600": "oklch(51.1% .096 186.4)",
            "700": "oklch(43.7% .078 188.2)",
            "800": "oklch(38.6% .063 188.4)",
            "900": "oklch(33% .054 190)",
            "950": "oklch(27.7% .046 192.5)",
        },
    },
}
