"""The resource database (卫生资源): what institutions have and how they run, one class per data set.

Most rows are about no patient; what was dispensed and which reactions followed are, and stand in the record as well.
"""

from kangqiao.records.resources.capacity import BedCount, Equipment, StaffLicence
from kangqiao.records.resources.drugs import Dispensing, DrugPurchase, DrugShortage, DrugStock, FormularyItem
from kangqiao.records.resources.reactions import AdverseDrugReaction
from kangqiao.records.resources.reports import DailyOperations, MonthlyFinance

__all__ = [
    "AdverseDrugReaction",
    "BedCount",
    "DailyOperations",
    "Dispensing",
    "DrugPurchase",
    "DrugShortage",
    "DrugStock",
    "Equipment",
    "FormularyItem",
    "MonthlyFinance",
    "StaffLicence",
]
