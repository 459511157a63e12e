"""The portal's routes."""

from django.urls import include, path

from kangqiao.portal.views import accounts, audit, home, session, tokens

app_name = "portal"
urlpatterns = [
    path("", home.home, name="home"),
    path("health", home.health, name="health"),
    path("sign-in", session.sign_in_page, name="sign-in"),
    path("sign-out", session.sign_out, name="sign-out"),
    path("password", session.password, name="password"),
    path("standards/", include("kangqiao.portal.standards.urls")),
    path("audit", audit.audit, name="audit"),
    path("audit.xlsx", audit.audit_export, name="audit-export"),
    path("accounts", accounts.accounts, name="accounts"),
    path("accounts/new", accounts.new_account, name="account-new"),
    path("accounts/<uuid:account_id>", accounts.account, name="account"),
    path("accounts/<uuid:account_id>/disable", accounts.account_disable, name="account-disable"),
    path("accounts/<uuid:account_id>/enable", accounts.account_enable, name="account-enable"),
    path("accounts/<uuid:account_id>/password", accounts.account_password, name="account-password"),
    path("tokens", tokens.tokens, name="tokens"),
    path("tokens/new", tokens.new_token, name="token-new"),
    path("tokens/<uuid:token_id>/revoke", tokens.token_revoke, name="token-revoke"),
]
