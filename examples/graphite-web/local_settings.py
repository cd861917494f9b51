"""What this site has otherwise than graphite-web: the names of Debian's /etc/graphite/local_settings.py."""

import os
from pathlib import Path

HERE = Path(__file__).resolve().parent  # the release; storage and static in it are links to what stays

SECRET_KEY = os.environ["GRAPHITE_SECRET_KEY"]
ALLOWED_HOSTS = os.environ["GRAPHITE_HOSTS"].split(",")
SESSION_COOKIE_SECURE = True
DASHBOARD_REQUIRE_AUTHENTICATION = True

# No host and no password: over the local socket PostgreSQL knows who the site runs as.
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": "graphite",
        "USER": "graphite",
    }
}

CONF_DIR = "/etc/graphite"
STORAGE_DIR = str(HERE / "storage")
WHISPER_DIR = str(HERE / "storage/whisper")
STATIC_ROOT = str(HERE / "static")
CARBONLINK_HOSTS = []  # no carbon runs here; without this each graph asks one

# "-" is standard error: the journal keeps it, and `tandem logs` shows it.
LOG_FILE_INFO = LOG_FILE_EXCEPTION = LOG_FILE_CACHE = LOG_FILE_RENDERING = "-"
