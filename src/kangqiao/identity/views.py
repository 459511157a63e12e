"""The page that finds a person."""

from uuid import UUID

from django import forms
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.debug import sensitive_post_parameters

from kangqiao.identity.finding import find_residents, show_residents
from kangqiao.identity.searching import Refused, read_search
from kangqiao.trust.http import permission_required, request_actor
from kangqiao.trust.permissions import Permission

FOUND = "identity-found"
"""The session keeps the ids of the last search, never what was typed: going back shows the list again."""


class SearchForm(forms.Form):
    """One line, typed or scanned."""

    text = forms.CharField(
        label="证件号码，或姓名加出生日期",
        max_length=100,
        widget=forms.TextInput(
            attrs={
                "autocomplete": "off",
                "autofocus": True,
                "spellcheck": "false",
                "placeholder": "身份证号，或 王秀英 1965-08-12",
                "data-search": "",
            }
        ),
        error_messages={"required": "请输入证件号码，或姓名加出生日期。"},
    )


@sensitive_post_parameters()
@permission_required(Permission.RESIDENT_FIND)
def find(request: HttpRequest) -> HttpResponse:
    """Show the search with what it found last, or search and lead back: the address never holds what was typed."""
    form = SearchForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        search = read_search(form.cleaned_data["text"], today=timezone.localdate())
        if isinstance(search, Refused):
            form.add_error("text", search.message)
        else:
            found = find_residents(search=search, actor=request_actor(request))
            request.session[FOUND] = [str(id) for id in found]
            return redirect("identity:find")
    return _page(request, form)


def _page(request: HttpRequest, form: SearchForm) -> HttpResponse:
    searched = FOUND in request.session and not form.errors
    ids = [UUID(word) for word in request.session.get(FOUND, ())] if searched else []
    today = timezone.localdate()
    people = show_residents(ids=ids, actor=request_actor(request)) if ids else []
    context = {
        "title": "查找居民",
        "form": form,
        "searched": searched,
        "people": [(person, person.age_on(today)) for person in people],
        "may_open_record": request_actor(request).may(Permission.TIMELINE_READ),
        "may_open_person": request_actor(request).may(Permission.PERSON_READ),
    }
    return render(request, "identity/find.html", context, status=422 if form.errors else 200)
