"""What institutions have and how they run: every sheet that is about no patient."""

from __future__ import annotations

from kangqiao.simulation.capacity import beds, equipment, licences
from kangqiao.simulation.drug_supply import drug_supply
from kangqiao.simulation.institution_sheets import Premises
from kangqiao.simulation.running import daily_operations, monthly_finance
from kangqiao.simulation.sheets import Sheet


def resources(premises: Premises) -> list[Sheet]:
    """Return every sheet of these institutions, what others refer to first."""
    reported = (
        [
            *drug_supply(premises),
            beds(premises),
            equipment(premises),
            daily_operations(premises),
            monthly_finance(premises),
        ]
        if len(premises.reporting)
        else []
    )
    return [*reported, licences(premises)]
