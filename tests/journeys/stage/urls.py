"""The platform's routes, the gallery, and a page that breaks."""

from django import forms
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import path

from kangqiao.infra.paging import key_page
from kangqiao.trust.http import permission_required
from kangqiao.trust.permissions import Permission
from kangqiao.wiring.urls import handler400, handler403, handler404, handler500
from kangqiao.wiring.urls import urlpatterns as platform

__all__ = ["handler400", "handler403", "handler404", "handler500", "urlpatterns"]

PRESSURE = {
    "unit": "mmHg",
    "normal": [90, 140],
    "series": [
        {"name": "收缩压", "points": [["2026-01-05T08:30:00+08:00", 152], ["2026-03-12T09:00:00+08:00", 138]]},
        {"name": "舒张压", "points": [["2026-01-05T08:30:00+08:00", 96], ["2026-03-12T09:00:00+08:00", 84]]},
    ],
}


class Sample(forms.Form):
    """Every kind of field."""

    name = forms.CharField(label="姓名")
    kind = forms.ChoiceField(label="类型", choices=[("a", "门诊"), ("b", "住院")], required=False)
    sex = forms.ChoiceField(label="性别", choices=[("1", "男"), ("2", "女")], widget=forms.RadioSelect)
    reason = forms.CharField(label="理由", widget=forms.Textarea, help_text="写明调阅目的。")
    agreed = forms.BooleanField(label="已取得本人同意", required=False)


@permission_required(Permission.SESSION_USE)
def gallery(request: HttpRequest) -> HttpResponse:
    """Show each part of the design system once."""
    context = {
        "title": "设计样例",
        "form": Sample({"name": ""}),
        "page": Paginator(range(30), 10).get_page(2),
        "keyed": key_page(range(30), size=10, key=lambda row: row),
        "pressure": PRESSURE,
    }
    return render(request, "gallery.html", context)


@permission_required(Permission.SESSION_USE)
def breaks(request: HttpRequest) -> HttpResponse:
    """Fail as a programming error does."""
    raise RuntimeError("on purpose")


urlpatterns = [*platform, path("gallery", gallery, name="gallery"), path("breaks", breaks, name="breaks")]
