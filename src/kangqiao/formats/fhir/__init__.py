"""FHIR R4 (http://hl7.org/fhir/R4): bytes ↔ resources ↔ rows. No database, no web."""
