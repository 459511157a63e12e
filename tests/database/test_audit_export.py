"""The audit log as an Excel file."""

import io

import openpyxl
from django.test import Client

from kangqiao.portal.views import audit
from kangqiao.trust.actors import system_actor
from kangqiao.trust.models import AuditEntry
from kangqiao.trust.permissions import Role
from kangqiao.trust.services import create_account


def test_an_export_that_is_cut_says_so_in_its_last_line(database, monkeypatch):
    keeper = create_account(
        username="keeper",
        display_name="周审计",
        roles=[Role.AUDITOR],
        institution_id=None,
        actor=system_actor("test"),
        must_change_password=False,
    ).account
    AuditEntry.objects.bulk_create(
        AuditEntry(actor_kind="system", action="fhir:read", outcome="done", object_id=str(n)) for n in range(5)
    )
    client = Client()
    client.force_login(keeper)
    monkeypatch.setattr(audit, "EXPORT_LIMIT", 5)

    def lines(address: str) -> list[tuple]:
        content = b"".join(client.get(address).streaming_content)
        return list(openpyxl.load_workbook(io.BytesIO(content)).active.iter_rows(values_only=True))[1:]

    whole = lines("/audit.xlsx?action=fhir:read")
    assert {row[6] for row in whole} == {"0", "1", "2", "3", "4"}
    cut = lines("/audit.xlsx")
    assert len(cut) == 6
    assert "只导出最新的 5 条" in cut[-1][0]
