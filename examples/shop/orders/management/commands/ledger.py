import hashlib
import json
from collections import Counter

from django.core.management.base import BaseCommand

from catalogue.models import Photo
from orders.models import Order


class Command(BaseCommand):
    help = "Prints what the shop holds, by reference: orders, and photos with the hash of the file on disk."

    def handle(self, *args, **options):
        orders = Counter(Order.objects.order_by().values_list("reference", flat=True).iterator())
        photos = {}
        for photo in Photo.objects.order_by("id").iterator():
            entry = photos.setdefault(photo.reference, {"count": 0, "sha256": None})
            entry["count"] += 1
            entry["sha256"] = hash_on_disk(photo)
        self.stdout.write(json.dumps({"orders": orders, "photos": photos}, sort_keys=True))


def hash_on_disk(photo):
    digest = hashlib.sha256()
    try:
        with photo.file.open("rb") as file:
            for chunk in file.chunks():
                digest.update(chunk)
    except FileNotFoundError:
        return None
    return digest.hexdigest()
