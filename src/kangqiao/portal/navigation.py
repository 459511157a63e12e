"""Where one can go. The one table behind the navigation and the home page; a new page adds its line."""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import groupby

from django.urls import reverse

from kangqiao.trust.actors import Actor
from kangqiao.trust.permissions import Permission


@dataclass(frozen=True, slots=True)
class Destination:
    """A page of the navigation: shown to actors who hold the permission of its route."""

    group: str
    title: str
    description: str
    icon: str
    route: str
    permission: Permission

    @property
    def url(self) -> str:
        """The page's address."""
        return reverse(self.route)


HOME = Destination("", "工作台", "", "home", "portal:home", Permission.SESSION_USE)

DESTINATIONS: tuple[Destination, ...] = (
    Destination(
        "档案调阅",
        "查找居民",
        "按证件号码或姓名加出生日期找到居民，调阅跨机构的健康档案",
        "search",
        "identity:find",
        Permission.RESIDENT_FIND,
    ),
    Destination(
        "全员人口库",
        "人口概览",
        "市、县、乡、村的人口金字塔、出生死亡迁移和覆盖率",
        "users",
        "population:overview",
        Permission.POPULATION_READ,
    ),
    Destination(
        "全员人口库",
        "家庭户",
        "按区划列出和查找家庭户，查看户成员",
        "home",
        "population:households",
        Permission.PERSON_READ,
    ),
    Destination(
        "全员人口库",
        "出生死亡迁移",
        "按区划和年份查看出生、死亡和迁移流动",
        "calendar",
        "population:events",
        Permission.PERSON_READ,
    ),
    Destination(
        "主索引",
        "身份审核",
        "疑似同一人、一号多人、关联有误：并排比较，一键认定",
        "users",
        "stewardship:queue",
        Permission.IDENTITY_DECIDE,
    ),
    Destination(
        "主索引",
        "待我复核",
        "他人提议合并两个身份证号，需要第二人复核",
        "shield-check",
        "stewardship:proposed",
        Permission.IDENTITY_DECIDE,
    ),
    Destination(
        "主索引",
        "认定记录",
        "谁在何时认定了什么，撤销，工作量和自动合并抽查",
        "clipboard-list",
        "stewardship:decisions",
        Permission.IDENTITY_DECIDE,
    ),
    Destination(
        "主索引",
        "更正申请",
        "居民认为登记有误的申请和处理",
        "id",
        "stewardship:corrections",
        Permission.CORRECTION_FILE,
    ),
    Destination(
        "数据接入",
        "数据批次",
        "机构报送的批次、处理进度、回执和退回的行",
        "inbox",
        "intake:batches",
        Permission.BATCH_READ,
    ),
    Destination(
        "数据接入",
        "报送数据",
        "上传 Excel 工作簿或数据压缩包",
        "upload",
        "intake:submit",
        Permission.BATCH_SUBMIT,
    ),
    Destination(
        "数据接入",
        "数据标准",
        "数据集、数据元、值域，下载填报模板和接口说明",
        "book",
        "portal:standards",
        Permission.CONTRACT_READ,
    ),
    Destination(
        "数据接入",
        "变更公告",
        "数据集改了什么、何时起用新版、旧版接收到哪天",
        "bell",
        "portal:standards-changes",
        Permission.CONTRACT_READ,
    ),
    Destination(
        "数据质量",
        "质量看板",
        "各县区、机构和数据集的得分、排名、趋势，直到不合格的行",
        "activity",
        "quality:overview",
        Permission.QUALITY_READ,
    ),
    Destination(
        "数据质量",
        "质量整改",
        "发给机构的整改：改正、重新报送、自动复核、逾期升级",
        "clipboard-list",
        "quality:issues",
        Permission.QUALITY_READ,
    ),
    Destination(
        "数据质量",
        "质量月报",
        "每家机构、县区和全市的月度报告，PDF 和 Excel",
        "printer",
        "quality:reports",
        Permission.QUALITY_READ,
    ),
    Destination(
        "机构与区划",
        "机构目录",
        "医疗卫生机构及其科室、人员，从 Excel 导入",
        "building-hospital",
        "registry:institutions",
        Permission.INSTITUTION_READ,
    ),
    Destination(
        "机构与区划",
        "行政区划",
        "市、县、乡、村四级区划和两套代码",
        "map-pin",
        "registry:divisions",
        Permission.INSTITUTION_READ,
    ),
    Destination(
        "系统管理",
        "账号管理",
        "新建、停用账号，重置密码",
        "users",
        "portal:accounts",
        Permission.ACCOUNT_MANAGE,
    ),
    Destination(
        "系统管理",
        "接口令牌",
        "为机构的信息系统签发和停用接口令牌",
        "key",
        "portal:tokens",
        Permission.ACCOUNT_MANAGE,
    ),
    Destination(
        "安全审计",
        "审计日志",
        "谁在什么时候、为什么看了或改了什么",
        "shield-check",
        "portal:audit",
        Permission.AUDIT_READ,
    ),
)


@dataclass(frozen=True, slots=True)
class Entry:
    """A destination as one page shows it."""

    destination: Destination
    current: bool


def destinations_of(actor: Actor) -> list[Destination]:
    """Return where the actor may go, in the table's order."""
    return [each for each in DESTINATIONS if actor.may(each.permission)]


def navigation_of(actor: Actor, path: str) -> list[tuple[str, list[Entry]]]:
    """Return the navigation as (group, entries), home first; the deepest page above `path` is current."""
    reachable = [HOME, *destinations_of(actor)]
    current = _deepest(reachable, path)
    return [
        (group, [Entry(each, each is current) for each in members])
        for group, members in groupby(reachable, key=lambda each: each.group)
    ]


def _deepest(reachable: Iterable[Destination], path: str) -> Destination | None:
    above = [each for each in reachable if path == each.url or (each is not HOME and path.startswith(each.url))]
    return max(above, key=lambda each: len(each.url), default=None)
