"""The machine door: FHIR and the intake of batches, straight on ASGI, without a framework and without an ORM on hot
paths."""
