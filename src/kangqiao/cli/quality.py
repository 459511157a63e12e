"""`kangqiao quality`: measure now, list the rules, write reports."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from kangqiao.wiring.ready import ready

if TYPE_CHECKING:
    from kangqiao.quality.places import Ground, Place

quality = typer.Typer(no_args_is_help=True, help="数据质量：立即测量、列出规则、生成月报")
console = Console()


@quality.command(help="立即按全部规则检查已入库的数据（后台任务也会在有新数据后自动测量）")
def measure() -> None:
    with ready(report=lambda text: typer.echo(text, err=True)) as settings:
        from kangqiao.infra.files import FileStore
        from kangqiao.quality.services import measure as measure_now
        from kangqiao.trust.actors import system_actor

        columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeElapsedColumn())
        with Progress(*columns, console=Console(stderr=True)) as bar:
            task = bar.add_task("准备")
            found = measure_now(
                home=settings.home,
                store=FileStore(settings.archive_url),
                actor=system_actor("command line"),
                report=lambda what, done, total: bar.update(task, description=what, completed=done, total=total),
            )
    console.print(
        f"✓ 检查 {found.rows:,} 行，发现 {found.failed:,} 处不合格，用时 {sum(found.seconds.values()):.1f} 秒"
    )


@quality.command(help="列出一个数据集的全部质量规则")
def rules(data_set: Annotated[str, typer.Argument(help="数据集代号，如 lab-result")]) -> None:
    with ready(report=lambda text: typer.echo(text, err=True)):
        from kangqiao.quality.catalogue import rules_of
        from kangqiao.standards.data_set import data_sets

        known = data_sets()
        if data_set not in known:
            console.print(f"✗ 没有数据集 {data_set}；已有：{'、'.join(known)}", style="red")
            raise typer.Exit(1)
        table = Table("规则", "维度", "要求", "程度")
        for rule in rules_of(data_set):
            table.add_row(rule.word, rule.dimension.title, rule.title, "错误" if rule.severity == "error" else "提示")
        console.print(table)


@quality.command(help="生成数据质量月报（PDF 和 Excel）：一家机构的、一个县区及其机构的，或全市的")
def report(
    month: Annotated[str, typer.Option(help="月份，如 2026-10")],
    output: Annotated[Path, typer.Option(help="放报告的文件夹，没有会新建")],
    institution: Annotated[str, typer.Option(help="机构代码")] = "",
    county: Annotated[str, typer.Option(help="县区代码，如 530902")] = "",
    everything: Annotated[bool, typer.Option("--all", help="全市、各县区和全部机构")] = False,
) -> None:
    with ready(report=lambda text: typer.echo(text, err=True)):
        from kangqiao.formats.typesetting import FontsMissing
        from kangqiao.quality.board import Look
        from kangqiao.quality.errors import QualityError
        from kangqiao.quality.places import ground_of
        from kangqiao.quality.reports.services import file_name, make_both
        from kangqiao.trust.actors import system_actor

        actor = system_actor("command line")
        ground = ground_of(actor)
        first_day = _first_day(month)
        looks = [Look(ground, place, first_day) for place in _places(ground, institution, county, everything)]
        output.mkdir(parents=True, exist_ok=True)
        columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeElapsedColumn())
        try:
            with Progress(*columns, console=Console(stderr=True)) as bar:
                for look in bar.track(looks, description="生成月报"):
                    for form, content in make_both(look=look, actor=actor).items():
                        (output / file_name(look, form)).write_bytes(content)
        except (QualityError, FontsMissing) as error:
            raise _refused(str(error)) from error
    console.print(f"✓ {len(looks)} 份月报（PDF 和 Excel）在 {output}")


def _first_day(month: str) -> dt.date:
    try:
        return dt.datetime.strptime(month, "%Y-%m").date()
    except ValueError:
        raise _refused(f"月份写作 2026-10，而不是 {month}") from None


def _places(ground: Ground, institution: str, county: str, everything: bool) -> list[Place]:
    """Return what reports are asked for; a county's and the city's are followed by those of the institutions."""
    from kangqiao.quality.places import CITY, Kind, Place

    if sum((bool(institution), bool(county), everything)) != 1:
        raise _refused("请给出 --institution、--county、--all 中的一个")
    if institution:
        found = [seat for seat in ground.seats.values() if seat.code == institution]
        if not found:
            raise _refused(f"没有代码为 {institution} 的机构")
        return [Place(Kind.INSTITUTION, str(found[0].id))]
    if county and county not in ground.counties:
        known = "、".join(f"{code} {name}" for code, name in ground.counties.items())
        raise _refused(f"没有县区 {county}；有机构的是：{known}")
    counties = [Place(Kind.COUNTY, code) for code in ([county] if county else ground.counties)]
    seats = ground.within(counties[0] if county else CITY)
    return [*([] if county else [CITY]), *counties, *(Place(Kind.INSTITUTION, str(seat.id)) for seat in seats)]


def _refused(text: str) -> typer.Exit:
    console.print(f"✗ {text}", style="red")
    return typer.Exit(1)
