"""The database itself keeps the audit log from being changed."""

from django.db import migrations

REFUSE = """
CREATE FUNCTION trust_audit_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'audit entries are append-only: % refused', TG_OP
        USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'audit_is_append_only';
END $$;
CREATE TRIGGER audit_is_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON trust_auditentry
    FOR EACH STATEMENT EXECUTE FUNCTION trust_audit_refuse_change();
"""
ALLOW = """
DROP TRIGGER audit_is_append_only ON trust_auditentry;
DROP FUNCTION trust_audit_refuse_change();
"""


class Migration(migrations.Migration):
    dependencies = [("trust", "0001_accounts_tokens_audit")]
    operations = [migrations.RunSQL(REFUSE, ALLOW)]
