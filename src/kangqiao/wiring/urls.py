"""Where each package's pages hang."""

from django.urls import URLPattern, URLResolver, include, path

handler400 = "kangqiao.portal.views.faults.bad_request"
handler403 = "kangqiao.portal.views.faults.not_permitted"
handler404 = "kangqiao.portal.views.faults.not_found"
handler500 = "kangqiao.portal.views.faults.broken"

urlpatterns: list[URLPattern | URLResolver] = [
    path("", include("kangqiao.portal.urls")),
    path("intake/", include("kangqiao.intake.urls")),
    path("residents/", include("kangqiao.identity.urls")),
    path("records/", include("kangqiao.records.urls")),
    path("quality/", include("kangqiao.quality.urls")),
    path("population/", include("kangqiao.apps.population.urls")),
    path("stewardship/", include("kangqiao.apps.stewardship.urls")),
    path("registry/", include("kangqiao.registry.urls")),
]
