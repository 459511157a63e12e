"""The population database (全员人口): one class per data set, grouped by theme."""

from kangqiao.records.population.bureaus import (
    Cremation,
    DrugLicence,
    InstitutionLicence,
    InsuredPerson,
    LowIncomeSupport,
    MarriageRegistration,
    MonitoredHousehold,
    SocialSecurityCard,
)
from kangqiao.records.population.family_planning import (
    ChildbearingRegistration,
    ContraceptionService,
    PreconceptionExamination,
    SpecialSupport,
)
from kangqiao.records.population.household import Household, HouseholdMember, HukouRegistration
from kangqiao.records.population.registration import PatientRegistration
from kangqiao.records.population.vital_events import Birth, Death, Migration

__all__ = [
    "Birth",
    "ChildbearingRegistration",
    "ContraceptionService",
    "Cremation",
    "Death",
    "DrugLicence",
    "Household",
    "HouseholdMember",
    "HukouRegistration",
    "InstitutionLicence",
    "InsuredPerson",
    "LowIncomeSupport",
    "MarriageRegistration",
    "Migration",
    "MonitoredHousehold",
    "PatientRegistration",
    "PreconceptionExamination",
    "SocialSecurityCard",
    "SpecialSupport",
]
