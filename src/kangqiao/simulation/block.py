"""One block of people from birth to paper: everything the hospitals write down about them, mistakes included."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

import numpy as np

from kangqiao.simulation import nursing
from kangqiao.simulation.activity import Activity, activity
from kangqiao.simulation.archives import archive_covers
from kangqiao.simulation.bedside import vital_signs
from kangqiao.simulation.benefits import benefits
from kangqiao.simulation.calendar import Calendar
from kangqiao.simulation.charges import Lines, bill, visit_fees
from kangqiao.simulation.checkups import attendance, checkups
from kangqiao.simulation.childhood import childhood
from kangqiao.simulation.consequences import Consequence, consequences, of_wrong_sexes
from kangqiao.simulation.defects import Planted, Settled, plant
from kangqiao.simulation.discharges import discharges
from kangqiao.simulation.dispensaries import dispensing, reactions
from kangqiao.simulation.draws import stream
from kangqiao.simulation.elderly import elderly
from kangqiao.simulation.encounters import diagnoses, inpatient_stays, outpatient_encounters
from kangqiao.simulation.family_doctors import family_doctors
from kangqiao.simulation.family_planning import family_planning
from kangqiao.simulation.follow_ups import diabetes_follow_ups, hypertension_follow_ups
from kangqiao.simulation.households import homes_of, households
from kangqiao.simulation.identities.lives import lives_of
from kangqiao.simulation.illness import Health, examine, live
from kangqiao.simulation.imaging import examinations
from kangqiao.simulation.immunization import vaccinations
from kangqiao.simulation.institutions import Institutions
from kangqiao.simulation.laboratory import reports
from kangqiao.simulation.licences import licences
from kangqiao.simulation.life import Life
from kangqiao.simulation.managed import mental_disorders, tuberculosis
from kangqiao.simulation.maternity import maternity
from kangqiao.simulation.outreach import outreach
from kangqiao.simulation.people import People
from kangqiao.simulation.perioperative import anaesthesias, pathology_reports, transfusions
from kangqiao.simulation.pharmacy import prescriptions
from kangqiao.simulation.places import Places, Township
from kangqiao.simulation.population_events import population_events
from kangqiao.simulation.registration import Patients, Registered, allergies, patients, registrations
from kangqiao.simulation.reporting import birth_certificates, death_certificates, infectious_diseases, vaccine_reactions
from kangqiao.simulation.settlements import settlements
from kangqiao.simulation.sheets import Sheet, stack
from kangqiao.simulation.spells import Spell, without_hidden_reports, without_hidden_visits
from kangqiao.simulation.urgent import critical_values, cultures, referrals
from kangqiao.simulation.visit_defects import settle_visits
from kangqiao.simulation.visits import visit
from kangqiao.simulation.wards import operations, orders

DATA_SETS = (
    "patient-registration",
    "outpatient-encounter",
    "inpatient-stay",
    "diagnosis",
    "prescription",
    "prescription-item",
    "medical-order",
    "operation",
    "lab-report",
    "lab-result",
    "exam-report",
    "vital-signs",
    "allergy",
    "charge",
    "charge-item",
    "front-page",
    "front-page-diagnosis",
    "front-page-operation",
    "clinical-document",
    "document-section",
    "critical-value",
    "culture-result",
    "susceptibility",
    "referral",
    "anaesthesia",
    "transfusion",
    "pathology-report",
    "nursing-assessment",
    "nursing-record",
    "settlement-list",
    "settlement-fee",
    "settlement-diagnosis",
    "settlement-operation",
    "case-group",
    "archive-cover",
    "physical-examination",
    "hypertension-follow-up",
    "diabetes-follow-up",
    "vaccination",
    "self-care-assessment",
    "constitution-assessment",
    "first-antenatal-visit",
    "antenatal-visit",
    "newborn-visit",
    "postpartum-visit",
    "postpartum-examination",
    "child-examination",
    "child-tcm-guidance",
    "mental-disorder-case",
    "mental-disorder-follow-up",
    "tuberculosis-first-visit",
    "tuberculosis-follow-up",
    "family-doctor-agreement",
    "family-doctor-service",
    "infectious-disease-report",
    "vaccine-reaction",
    "birth-certificate",
    "death-certificate",
    "household",
    "household-member",
    "hukou-registration",
    "birth",
    "death",
    "migration",
    "childbearing-registration",
    "preconception-examination",
    "contraception-service",
    "special-support",
    "marriage-registration",
    "low-income-support",
    "cremation",
    "insured-person",
    "social-security-card",
    "monitored-household",
    "institution-licence",
    "drug-licence",
    "health-education-activity",
    "supervision-patrol",
    "supervision-clue",
    "formulary-item",
    "drug-purchase",
    "drug-stock",
    "dispensing",
    "adverse-drug-reaction",
    "drug-shortage",
    "bed-count",
    "equipment",
    "staff-licence",
    "daily-operations",
    "monthly-finance",
)
BLOCK = 8_192
"""People lived through at once; smaller blocks only cost time, larger ones memory."""


@dataclass(frozen=True)
class City:
    """What every block needs to know: the same for all, so that blocks can be lived through in any order.

    rates   (institutions, lines of defects.csv): how often each institution errs
    spells  when institutions send too little
    """

    seed: int
    places: Places
    calendar: Calendar
    institutions: Institutions
    rates: np.ndarray
    spells: tuple[Spell, ...] = ()


@dataclass(frozen=True)
class Block:
    """What a block leaves behind: sheets with their defects, and who is who."""

    people: People
    health: Health
    registered: Registered
    planted: list[Planted]
    consequences: list[Consequence]
    activity: Activity


def live_through(city: City, township: Township, number: int, people: People) -> Block:
    """Return everything written down about a block of a township's people, with defects and the truth."""
    random = stream(city.seed, "block", township.number, number)
    border = city.places.counties["border"][township.county] == "1"
    clerks = stream(city.seed, "clerks", township.number, number)
    papers = lives_of(people, places=city.places, township=township, calendar=city.calendar, random=clerks)
    people = papers.people
    health = examine(random, people, city.calendar)
    catchment = city.institutions.catchment(township)
    visits = visit(
        random,
        people=people,
        episodes=live(random, health, city.calendar, border=border),
        institutions=city.institutions,
        catchment=catchment,
        calendar=city.calendar,
    )
    visits = without_hidden_visits(visits, city.spells)
    life = Life(city.places, township, city.calendar, city.institutions, papers, health, visits, random)
    known, care, done = _written(life, catchment, city.spells)
    registered = registrations(replace(life, random=clerks), known)
    care.insert(0, registered.sheet)
    if number == 0:
        care += outreach(life.apart(), catchment)
    lots = stream(city.seed, "defects", township.number, number)
    care, settled = settle_visits(in_time(city, care), lots, city.rates)
    settled[registered.sheet.data_set] = Settled(registered.spoilt)
    planted = with_defects(city, care, lots, settled)
    found = [*consequences(planted), of_wrong_sexes(planted, registered)]
    return Block(people, health, registered, planted, found, done)


def with_defects(
    city: City, sheets: list[Sheet], lots: np.random.Generator, settled: Mapping[str, Settled] = MappingProxyType({})
) -> list[Planted]:
    """Plant defects in those sheets that have rows; ``settled`` says by data set what is decided already."""
    return [
        plant(sheet, lots, city.rates, city.calendar, settled.get(sheet.data_set)) for sheet in sheets if len(sheet)
    ]


def _written(life: Life, catchment: np.ndarray, spells: tuple[Spell, ...]) -> tuple[Patients, list[Sheet], Activity]:
    """Return who was a patient where, every sheet but their registrations, and what institutions did for them."""
    impersonal, population = _population(life, catchment)
    drugs, laboratory, images = prescriptions(life), reports(life), examinations(life)
    ordered, operated = orders(life), operations(life)
    lines = Lines.joined([visit_fees(life), drugs[1], laboratory[1], images[1], ordered[1], operated[1]])
    charged, cost, own = bill(life, lines)
    covers, attended = archive_covers(life, catchment), attendance(life)
    yearly = checkups(life, catchment, attended)
    chronic = [hypertension_follow_ups(life, catchment), diabetes_follow_ups(life, catchment)]
    given = vaccinations(life, catchment)
    public = [
        covers,
        yearly,
        *chronic,
        given,
        *elderly(life.apart(), catchment, attended),
        *maternity(life.apart(), catchment),
        *childhood(life.apart(), catchment),
        *mental_disorders(life.apart(), catchment),
        *tuberculosis(life.apart(), catchment),
        *family_doctors(life.apart(), catchment),
        vaccine_reactions(life.apart(), given),
        birth_certificates(life.apart()),
        death_certificates(life.apart(), catchment),
    ]
    known = patients(life, public + population)
    outpatients, stays, diagnosed = outpatient_encounters(life), inpatient_stays(life, cost, own), diagnoses(life)
    cultured = without_hidden_reports(cultures(life.apart()), spells)
    reported, results = without_hidden_reports(laboratory[0], spells)
    handed_out = dispensing(life, drugs[0][1])
    clinical = [
        outpatients,
        stays,
        diagnosed,
        *discharges(life.apart(), stays, diagnosed, operated[0][0]),
        critical_values(life.apart(), reported, results),
        *cultured[1:],
        referrals(life.apart()),
        *drugs[0],
        handed_out,
        *ordered[0],
        *operated[0],
        stack([reported, cultured[0]]),
        results,
        *images[0],
        vital_signs(life),
        allergies(life, known),
        infectious_diseases(life.apart()),
        *charged,
    ]
    beside = [
        anaesthesias(life.apart(), operated[0][0]),
        transfusions(life.apart()),
        pathology_reports(life.apart(), operated[0][0]),
        nursing.assessments(life.apart()),
        nursing.records(life.apart()),
        *settlements(
            life.apart(),
            stays=stays,
            diagnoses=diagnosed,
            operations=operated[0][0],
            charges=charged[0],
            items=charged[1],
        ),
        reactions(life.apart(), handed_out),
    ]
    written = [*clinical, *public, *impersonal, *population, *beside]
    return known, written, activity(life, lines, operated[0][0])


def _population(life: Life, catchment: np.ndarray) -> tuple[list[Sheet], list[Sheet]]:
    """Return what the bureaus send: sheets about nobody (households, licences), and sheets about people."""
    homes = homes_of(life)
    kept, members = households(life, homes)
    events = population_events(life, homes)
    planning = family_planning(life.apart(), homes, catchment)
    return [kept, *licences(life.apart())], [*members, *events, *planning, *benefits(life, homes)]


def in_time(city: City, sheets: list[Sheet]) -> list[Sheet]:
    """Return the sheets with no row revised after the last night."""
    end = (city.calendar.last + 1).astype("datetime64[s]")
    return [replace(sheet, revised=np.minimum(sheet.revised, end)) for sheet in sheets]
