from django.http import Http404
from django.shortcuts import get_object_or_404, render

from catalogue.forms import PhotoForm
from catalogue.models import Category, Photo, Product
from shop.http import see_other


def index(request):
    return render(
        request,
        "catalogue/index.html",
        {
            "categories": Category.objects.prefetch_related("products"),
            "photos": Photo.objects.select_related("product")[:6],
            "last_order": request.session.get("last_order"),
        },
    )


def product(request, product_id):
    found = get_object_or_404(Product.objects.select_related("category"), pk=product_id)
    return render(request, "catalogue/product.html", {"product": found, "photos": found.photos.all()[:12]})


def add_photo(request):
    form = PhotoForm(request.POST or None, request.FILES or None, initial={"product": request.GET.get("product")})
    if request.method == "POST" and form.is_valid():
        return see_other(form.save())
    return render(request, "catalogue/photo_form.html", {"form": form}, status=400 if form.errors else 200)


def photo(request, reference):
    photos = Photo.objects.filter(reference=reference).select_related("product")
    if not photos:
        raise Http404("no such photo")
    return render(request, "catalogue/photo.html", {"reference": reference, "photos": photos})
