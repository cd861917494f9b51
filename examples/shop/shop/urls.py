from django.urls import path

import catalogue.views
import orders.views
from shop import views

urlpatterns = [
    path("", catalogue.views.index, name="index"),
    path("product/<int:product_id>/", catalogue.views.product, name="product"),
    path("photo/", catalogue.views.add_photo, name="add-photo"),
    path("photo/<slug:reference>/", catalogue.views.photo, name="photo"),
    path("order/", orders.views.place_order, name="place-order"),
    path("order/<slug:reference>/", orders.views.order, name="order"),
    path("slow/", views.slow),
    path("health/", views.health),
]
