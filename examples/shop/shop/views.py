import time

from django.db import connection
from django.http import HttpResponse, HttpResponseBadRequest

from catalogue.models import Product

LONGEST_SLEEP = 10


def health(request):
    """Says "ok" when the database answers. Reads only, so a standby can answer it too."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
        cursor.fetchone()
    return HttpResponse("ok", content_type="text/plain")


def slow(request):
    """The page that every shop has: it keeps a worker busy for seconds, then asks the database."""
    try:
        seconds = float(request.GET.get("seconds", "5"))
    except ValueError:
        return HttpResponseBadRequest("seconds must be a number", content_type="text/plain")
    time.sleep(max(0.0, min(seconds, LONGEST_SLEEP)))
    return HttpResponse(f"{Product.objects.count()} products", content_type="text/plain")
