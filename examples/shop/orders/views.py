import logging

from django.forms import modelform_factory
from django.http import Http404
from django.shortcuts import render

from orders.models import Order
from shop.http import see_other

log = logging.getLogger("orders")

OrderForm = modelform_factory(Order, fields=["product", "quantity", "reference"])


def place_order(request):
    form = OrderForm(request.POST or None, initial={"product": request.GET.get("product")})
    if request.method == "POST" and form.is_valid():
        order = form.save()
        log.info("order %s", order.reference)
        request.session["last_order"] = order.reference
        return see_other(order)
    return render(request, "orders/order_form.html", {"form": form}, status=400 if form.errors else 200)


def order(request, reference):
    orders = Order.objects.filter(reference=reference).select_related("product")
    if not orders:
        raise Http404("no such order")
    return render(request, "orders/order.html", {"reference": reference, "orders": orders})
