import hashlib
import json
import tempfile
from io import StringIO
from pathlib import Path

from django.core.files.base import ContentFile
from django.core.management import call_command
from django.test import Client, TestCase, override_settings

from catalogue.models import Photo, Product
from orders.models import Order


class OrderTest(TestCase):
    def setUp(self):
        self.order = {"product": Product.objects.get(name="Rake").pk, "quantity": 2, "reference": "A-1"}

    def test_an_order_leads_to_its_own_page_and_is_remembered(self):
        response = self.client.post("/order/", self.order)
        self.assertRedirects(response, "/order/A-1/", status_code=303)
        self.assertContains(self.client.get("/order/A-1/"), "2 × Rake")
        self.assertContains(self.client.get("/"), "/order/A-1/")

    def test_an_unknown_order_is_not_found(self):
        self.assertEqual(self.client.get("/order/A-2/").status_code, 404)

    def test_an_order_of_nothing_is_refused(self):
        self.assertEqual(self.client.post("/order/", {**self.order, "quantity": 0}).status_code, 400)
        self.assertFalse(Order.objects.exists())

    def test_an_order_needs_the_token_of_the_form(self):
        client = Client(enforce_csrf_checks=True)
        self.assertEqual(client.post("/order/", self.order).status_code, 403)
        token = client.get("/order/").cookies["csrftoken"].value
        self.assertEqual(client.post("/order/", {**self.order, "csrfmiddlewaretoken": token}).status_code, 303)


class LedgerTest(TestCase):
    def test_it_counts_orders_and_hashes_what_lies_on_the_disk(self):
        product = Product.objects.first()
        for reference in ["A-1", "A-1", "A-2"]:
            Order.objects.create(product=product, reference=reference)
        with tempfile.TemporaryDirectory() as media, override_settings(MEDIA_ROOT=media):
            for reference in ["P-1", "P-2"]:
                file = ContentFile(b"picture", name=f"{reference}.jpg")
                Photo.objects.create(product=product, reference=reference, sha256="-", file=file)
            Path(media, "photos", "P-2.jpg").unlink()
            output = StringIO()
            call_command("ledger", stdout=output)
        self.assertEqual(
            json.loads(output.getvalue()),
            {
                "orders": {"A-1": 2, "A-2": 1},
                "photos": {
                    "P-1": {"count": 1, "sha256": hashlib.sha256(b"picture").hexdigest()},
                    "P-2": {"count": 1, "sha256": None},
                },
            },
        )
