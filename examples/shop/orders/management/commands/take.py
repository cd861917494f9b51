import socket

from django.core.management.base import BaseCommand
from django.db import transaction

from orders.models import Work


class Command(BaseCommand):
    help = "Takes an upload in, all of it or nothing: a file with a number in each line."

    def add_arguments(self, parser):
        parser.add_argument("file")

    def handle(self, *args, **options):
        with transaction.atomic(), open(options["file"], encoding="utf-8") as lines:
            for line in lines:
                Work.objects.create(name="take", number=int(line), server=socket.gethostname())
