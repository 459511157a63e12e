"""`kangqiao quality`: measure now, list the rules."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from kangqiao.wiring.ready import ready

quality = typer.Typer(no_args_is_help=True, help="数据质量：立即测量、列出规则")
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
