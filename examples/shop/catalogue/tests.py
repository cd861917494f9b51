import hashlib
import tempfile

from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import TestCase, override_settings

from catalogue.models import Photo, Product


class CatalogueTest(TestCase):
    def test_the_first_page_offers_all_fifty_products(self):
        self.assertEqual(Product.objects.count(), 50)
        self.assertContains(self.client.get("/"), "/product/", count=50)

    def test_a_product_has_a_page_and_an_unknown_one_has_none(self):
        product = Product.objects.get(name="Kettle")
        self.assertContains(self.client.get(product.get_absolute_url()), "Kettle")
        self.assertEqual(self.client.get("/product/0/").status_code, 404)

    def test_health_reads_and_never_writes(self):
        with self.assertNumQueries(1) as queries:
            self.assertEqual(self.client.get("/health/").content, b"ok")
        self.assertEqual(queries[0]["sql"], "SELECT 1")


class PhotoTest(TestCase):
    def send(self, content, content_type):
        product = Product.objects.first()
        photo = SimpleUploadedFile("holiday.png", content, content_type)
        return self.client.post("/photo/", {"product": product.pk, "reference": "P-1", "photo": photo})

    def test_a_photo_lies_in_media_under_its_reference_and_hash(self):
        digest = hashlib.sha256(b"a picture").hexdigest()
        with tempfile.TemporaryDirectory() as media, override_settings(MEDIA_ROOT=media):
            response = self.send(b"a picture", "image/jpeg")
            self.assertRedirects(response, "/photo/P-1/", status_code=303)
            photo = Photo.objects.get()
            self.assertEqual((photo.file.name, photo.sha256), (f"photos/P-1-{digest[:12]}.jpg", digest))
            with photo.file.open() as file:
                self.assertEqual(file.read(), b"a picture")

    def test_what_is_no_jpeg_is_refused(self):
        self.assertContains(self.send(b"%PDF", "application/pdf"), "JPEG", status_code=400)
        self.assertFalse(Photo.objects.exists())
