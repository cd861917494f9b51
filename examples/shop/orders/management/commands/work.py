from django.core.management.base import BaseCommand

from shop.celery import app


class Command(BaseCommand):
    help = "Puts numbered tasks into the queue: those from FIRST up to LAST, each of which takes SECONDS."

    def add_arguments(self, parser):
        parser.add_argument("first", type=int)
        parser.add_argument("last", type=int)
        parser.add_argument("--seconds", type=float, default=0)

    def handle(self, *args, **options):
        for number in range(options["first"], options["last"] + 1):
            app.send_task("orders.tasks.count", args=[number, options["seconds"]])
