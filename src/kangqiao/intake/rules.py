"""The life of a batch as a table."""

from kangqiao.intake.models import BatchState, PartState

BATCH_TRANSITIONS = {
    (BatchState.RECEIVED, "begin"): BatchState.PROCESSING,
    (BatchState.RECEIVED, "refuse"): BatchState.REFUSED,
    (BatchState.PROCESSING, "begin"): BatchState.PROCESSING,  # after a crash
    (BatchState.PROCESSING, "refuse"): BatchState.REFUSED,
    (BatchState.PROCESSING, "complete"): BatchState.COMPLETED,
}
"""(state, event) → state; what is not listed is not allowed."""

PART_TRANSITIONS = {
    (PartState.WAITING, "store"): PartState.STORED,
    (PartState.WAITING, "refuse"): PartState.REFUSED,
}
