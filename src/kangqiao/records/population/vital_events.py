"""Births, deaths and moves: what changes a population."""

from django.db import models

from kangqiao.standards.conditions import Rule, among, every, missing, no, not_before, present, together
from kangqiao.standards.data_set import Record, at
from kangqiao.standards.fields import Coded, Count, Date, Flag, Moment, Quantity, Text
from kangqiao.standards.panels import table


class Birth(Record):
    """出生信息: a birth as the population is counted; the patient is the child."""

    title = "出生信息"
    source = "字段按全员人口信息中出生登记的通行项目，未与原件逐项核对；WS 364.3-2011 出生(分娩)地点类别代码表"

    born = Moment("出生日期时间", required=True)
    child_order = Count("孩次", unit="孩", plausible=(1, 15), required=True)
    multiple = Count("本次胎数", unit="胎", plausible=(1, 6))
    birth_weight = Quantity("出生体重（g）", unit="g", plausible=(300, 8000))
    place = Coded("出生地点分类代码", values="CV02.01.102")
    division = Coded("出生地行政区划代码", values="division")
    certificate = Text("出生医学证明编号", max_length=10)
    mother_name = Text("母亲姓名", "DE02.01.039.00", max_length=50, required=True)
    mother_document_type = Coded("母亲身份证件类别代码", "DE02.01.031.00", values="CV02.01.101")
    mother_document = Text("母亲身份证件号码", "DE02.01.030.00", max_length=30, required=present(mother_document_type))
    mother_born = Date("母亲出生日期")
    father_name = Text("父亲姓名", "DE02.01.039.00", max_length=50)
    father_document_type = Coded("父亲身份证件类别代码", "DE02.01.031.00", values="CV02.01.101")
    father_document = Text("父亲身份证件号码", "DE02.01.030.00", max_length=30, required=present(father_document_type))
    childbearing_number = Text("生育登记编号", max_length=40)
    hukou_done = Flag("已落户标志")
    hukou_registered = Date("落户日期")
    registered = Date("登记日期", required=True)

    occurred = at(born)
    rules = [
        not_before(registered, born),
        not_before(hukou_registered, born),
        not_before(born, mother_born),
        together(hukou_done, hukou_registered),
        Rule("no-certificate", certificate, missing(certificate), "“出生医学证明编号”应填写", severity="warning"),
    ]
    headline = "第 {child_order} 孩 体重 {birth_weight} g 母亲 {mother_name}"
    panel = table(born, child_order, birth_weight, mother_name, certificate, hukou_registered)

    class Meta(Record.Meta):
        verbose_name = "出生信息"
        indexes = (  # type: ignore[assignment]
            *Record.Meta.indexes,
            models.Index(fields=["occurred_at", "id"], name="%(class)s_moment"),
            models.Index(fields=["mother_document"], name="%(class)s_mother"),
            models.Index(fields=["father_document"], name="%(class)s_father"),
        )


class Death(Record):
    """死亡信息: a death as the population is counted, and whether the registration was cancelled after it."""

    title = "死亡信息"
    source = "字段按全员人口信息中死亡登记的通行项目，未与原件逐项核对；WS 364.3-2011 死亡地点类别代码表"

    died = Moment("死亡日期时间", "DE02.01.036.00", required=True)
    place = Coded("死亡地点类别代码", "DE02.01.034.00", values="CV02.01.103")
    cause = Coded("根本死因代码", "DE05.01.021.00", values="icd-10", named=True, required=True)
    certificate = Text("死亡医学证明编号", "DE01.00.006.00", max_length=30)
    division = Coded("死亡地行政区划代码", values="division")
    reporter = Text("申报人姓名", "DE02.01.039.00", max_length=50)
    reporter_relation = Coded("申报人与死者的关系代码", values="GBT4761")
    reporter_phone = Text("申报人电话号码", "DE02.01.010.00", max_length=20)
    registered = Date("死亡登记日期", required=True)
    state = Coded("户口注销状态代码", values="KQ.death-state", required=True)
    cancelled = Date("户口注销日期", required=among(state, "2"))

    occurred = at(died)
    rules = [
        not_before(registered, died),
        not_before(cancelled, died),
        Rule(
            "cancelled",
            state,
            every(present(cancelled), no(among(state, "2"))),
            "填写了“户口注销日期”时，“户口注销状态代码”应为已注销",
        ),
        Rule("no-certificate", certificate, missing(certificate), "“死亡医学证明编号”应填写", severity="warning"),
    ]
    headline = "根本死因 {cause_name} {place} {state}"
    panel = table(died, place, cause, certificate, registered, state, cancelled)

    class Meta(Record.Meta):
        verbose_name = "死亡信息"
        indexes = (  # type: ignore[assignment]
            *Record.Meta.indexes,
            models.Index(fields=["occurred_at", "id"], name="%(class)s_moment"),
        )


class Migration(Record):
    """迁移流动: one move of a person, with the registration (迁移) or without it (流动人口)."""

    title = "迁移流动信息"
    source = "字段按户口迁移和流动人口登记的通行项目，未与原件逐项核对"

    kind = Coded("迁移流动类别代码", values="KQ.migration-kind", required=True)
    moved = Moment("迁移（流动）日期", required=True)
    from_division = Coded("迁出（流出）地行政区划代码", values="division", required=among(kind, "1", "3"))
    from_address = Text("迁出（流出）地址", max_length=200)
    to_division = Coded("迁入（流入）地行政区划代码", values="division", required=among(kind, "2", "4"))
    to_address = Text("迁入（流入）地址", max_length=200)
    reason = Coded("迁移流动原因代码", values="KQ.migration-reason", required=True)
    reason_note = Text("其他原因说明", max_length=200, required=among(reason, "99"))
    permit = Text("居住证号", max_length=30, note="流入人口填写")
    migration_certificate = Text("户口迁移证编号", max_length=30)
    expected_return = Date("预计返回（离开）日期")
    returned = Date("返回（离开）日期")
    registered = Date("登记日期", required=True)

    occurred = at(moved)
    rules = [
        not_before(registered, moved),
        not_before(returned, moved),
        not_before(expected_return, moved),
        Rule(
            "permit-of-migrants",
            permit,
            every(present(permit), no(among(kind, "3"))),
            "“居住证号”只用于流入人口",
            severity="warning",
        ),
    ]
    headline = "{kind} {reason} 往 {to_address}"
    panel = table(moved, kind, from_address, to_address, reason, returned)

    class Meta(Record.Meta):
        verbose_name = "迁移流动信息"
        indexes = (  # type: ignore[assignment]
            *Record.Meta.indexes,
            models.Index(fields=["occurred_at", "id"], name="%(class)s_moment"),
        )
