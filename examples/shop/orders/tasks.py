import socket
import time

from celery import shared_task

from orders.models import Work


# Acknowledged when it is done: a task whose worker is killed is done again.
@shared_task
def count(number, seconds=0):
    """Does one numbered piece of work, which takes that long."""
    time.sleep(seconds)
    Work.objects.create(name="count", number=number, server=socket.gethostname())


@shared_task
def tick(sender):
    """Beat's, once a second, from the server that beat runs on."""
    Work.objects.create(name="tick", number=int(time.time()), server=sender)
