"""graphite-web's settings, which take local_settings.py in."""

from graphite.settings import *  # noqa: F401,F403

# graphite.settings looks for them beside its code, whatever local_settings.py says.
STATICFILES_DIRS = ["/usr/share/graphite-web/static"]
DEFAULT_AUTO_FIELD = "django.db.models.AutoField"  # as its migrations have them; Debian 12's does not say so
