from django.http import HttpResponseRedirect


class HttpResponseSeeOther(HttpResponseRedirect):
    status_code = 303


def see_other(thing):
    """Sends the browser from the form that made the thing to the thing's own page."""
    return HttpResponseSeeOther(thing.get_absolute_url())
