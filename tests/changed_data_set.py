"""A data set with a history, outside the program's own: every kind of change, in two editions."""

import datetime as dt

from django.test.utils import isolate_apps

from kangqiao.standards.conditions import Rule, among, every, missing, not_before, present
from kangqiao.standards.data_set import Record, at
from kangqiao.standards.editions import (
    Edition,
    added,
    demanded,
    narrowed,
    renamed,
    ruled,
    widened,
    withdrawn,
)
from kangqiao.standards.fields import Coded, Codes, Count, Moment, Quantity, Text

FIRST_CHANGE = dt.date(2026, 3, 1)
FIRST_OVER = dt.date(2026, 6, 30)
SECOND_CHANGE = dt.date(2026, 6, 1)
SECOND_OVER = dt.date(2026, 12, 31)

with isolate_apps("kangqiao.records.health_record"):

    class ClinicVisit(Record):
        """门诊随访: what a clinic writes down of a visit."""

        title = "门诊随访"
        source = "示例"

        visited = Moment("随访日期时间", required=True)
        reason = Text("随访原因", max_length=20, required=True)
        sex = Coded("性别代码", values="GBT2261.1", required=True)
        payment = Coded("支付方式代码", values="CV07.10.005", required=True)
        exposures = Codes("暴露史代码", values="GW2017.exposure")
        diagnosis = Coded("诊断代码", values="icd-10", named=True, required=True)
        illness = Coded("疾病代码", values="icd-10", named=True, required=True)
        weight = Quantity("体重", required=True)
        children = Count("子女数")
        ended = Moment("结束日期时间")
        old_note = Text("旧备注", max_length=50)

        occurred = at(visited)
        rules = [
            not_before(ended, visited),
            Rule("no-weight", reason, every(among(sex, "2"), missing(weight)), "女性应填写“体重”"),
            Rule("alone", children, every(present(children), missing(exposures)), "填写“子女数”时应填写“暴露史”"),
        ]
        headline = "{reason}"
        editions = (
            Edition(
                "1.1",
                announced=dt.date(2026, 1, 10),
                accepted_from=FIRST_CHANGE,
                former_until=FIRST_OVER,
                changes=(
                    added(weight),
                    added(illness),
                    demanded(reason),
                    demanded(diagnosis),
                    narrowed(sex, "9"),
                    renamed(payment, {"03": "02"}),
                    renamed(exposures, {"4": "3"}),
                ),
            ),
            Edition(
                "1.3",
                announced=dt.date(2026, 5, 1),
                accepted_from=SECOND_CHANGE,
                former_until=SECOND_OVER,
                changes=(
                    withdrawn(old_note),
                    renamed(payment, {"02": "01"}),
                    widened(payment, "04"),
                    narrowed(sex, "0"),
                    ruled(rules[2]),
                ),
            ),
        )

        class Meta(Record.Meta):
            app_label = "health_record"
            verbose_name = "门诊随访"


def clinic_visit(**changes):
    """One row of the newest edition as wire text."""
    row = {
        "institution_code": "H1",
        "patient_number": "P1",
        "source_key": "K1",
        "revised_at": "2026-02-01 09:05:00",
        "visited": "2026-02-01 09:00:00",
        "reason": "复查",
        "sex": "1",
        "payment": "01",
        "diagnosis": "I10",
        "diagnosis_name": "高血压",
        "illness": "I10",
        "illness_name": "高血压",
        "weight": "61.5",
        "weight_unit": "kg",
    }
    return {name: text for name, text in (row | changes).items() if text is not None}
