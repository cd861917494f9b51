"""Fills the shelves: five categories of ten products."""

from decimal import Decimal

from django.db import migrations

RANGE = {
    "Kitchen": ["Kettle", "Saucepan", "Ladle", "Colander", "Bread knife", "Teapot", "Whisk", "Grater", "Tray", "Apron"],
    "Garden": ["Spade", "Rake", "Trowel", "Hose", "Secateurs", "Watering can", "Gloves", "Seed tray", "Twine", "Fork"],
    "Workshop": ["Hammer", "Plane", "Chisel", "Vice", "Spirit level", "Handsaw", "File", "Pliers", "Clamp", "Mallet"],
    "Sewing": ["Thimble", "Bobbin", "Pin cushion", "Tape measure", "Scissors", "Needles", "Zip", "Ribbon", "Thread", "Hoop"],
    "Desk": ["Notebook", "Pencil", "Ruler", "Stapler", "Ink", "Blotter", "Envelope", "Lamp", "Globe", "Letter opener"],
}


def fill(apps, schema_editor):
    Category = apps.get_model("catalogue", "Category")
    Product = apps.get_model("catalogue", "Product")
    price = Decimal("1.95")
    for category_name, product_names in RANGE.items():
        category = Category.objects.create(name=category_name)
        for name in product_names:
            Product.objects.create(
                category=category, name=name, price=price, description=f"A sound {name.lower()} that lasts."
            )
            price += Decimal("0.75")


class Migration(migrations.Migration):
    dependencies = [("catalogue", "0001_initial")]
    operations = [migrations.RunPython(fill, migrations.RunPython.noop)]
