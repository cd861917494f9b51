from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.urls import reverse

from catalogue.models import Product


class Order(models.Model):
    product = models.ForeignKey(Product, on_delete=models.PROTECT, related_name="orders")
    quantity = models.PositiveSmallIntegerField(
        default=1, validators=[MinValueValidator(1), MaxValueValidator(999)]
    )
    # The customer's own reference. Nothing makes it unique: the same order sent twice is two orders.
    reference = models.SlugField(max_length=64)
    placed = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["id"]

    def __str__(self):
        return self.reference

    def get_absolute_url(self):
        return reverse("order", args=[self.reference])


class Work(models.Model):
    """What a worker has done. Nothing makes it unique: a task that is done twice is there twice."""

    name = models.SlugField(max_length=64)
    number = models.BigIntegerField()
    server = models.CharField(max_length=64)
    done = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["id"]

    def __str__(self):
        return f"{self.name} {self.number}"
