"""`kangqiao intake`: submit a batch and watch it; look at receipts."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Annotated, Any
from uuid import UUID

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from kangqiao.wiring.ready import ready

intake = typer.Typer(no_args_is_help=True, help="数据接入：报送批次、查看回执")
console = Console()


@intake.command(help="报送一个批次（文件夹、.zip、.tar、.tar.gz 或 .tar.zst），等待处理完并显示回执")
def submit(
    path: Annotated[Path, typer.Argument(help="批次文件夹或压缩包", exists=True)],
    json_receipt: Annotated[bool, typer.Option("--json", help="以 JSON 输出回执")] = False,
) -> None:
    with ready(report=lambda text: typer.echo(text, err=True)) as settings:
        from kangqiao.infra.files import FileStore
        from kangqiao.intake.errors import BatchRefused
        from kangqiao.intake.models import BatchState, Door
        from kangqiao.intake.services import submit_parcel
        from kangqiao.trust.actors import system_actor

        store = FileStore(settings.archive_url)
        try:
            batch = submit_parcel(path=path, door=Door.COMMAND, actor=system_actor("command line"), store=store)
        except BatchRefused as refusal:
            console.print(f"✗ {refusal}", style="red")
            raise typer.Exit(1) from refusal
        if batch.receipt is None:
            batch = _process(batch, store, settings.home / "work")
        assert batch.receipt is not None
        typer.echo(json.dumps(batch.receipt, ensure_ascii=False, indent=2)) if json_receipt else _show(batch.receipt)
        if batch.state == BatchState.REFUSED:
            raise typer.Exit(1)


@intake.command(help="显示一个批次的回执")
def receipt(batch: Annotated[UUID, typer.Argument(help="平台批次编号")]) -> None:
    with ready(report=lambda text: typer.echo(text, err=True)):
        from kangqiao.intake.models import Batch

        found = Batch.objects.filter(id=batch).first()
        if found is None or found.receipt is None:
            console.print("✗ 没有这个批次，或它还没有处理完", style="red")
            raise typer.Exit(1)
        _show(found.receipt)


def _process(batch: Any, store: Any, work: Path) -> Any:
    """Process here and draw a bar that counts rows twice: once checked, once stored."""
    from kangqiao.intake.errors import BatchBusy
    from kangqiao.intake.groups import Progress as Step
    from kangqiao.intake.services import process_batch

    rows = sum(entry["rows"] for entry in batch.manifest["data_sets"])
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task("检查并入库", total=max(1, 2 * rows))

        def report(step: Step) -> None:
            bar.update(task, advance=step.total, description=f"检查并入库 {step.data_set}")

        while True:
            try:
                return process_batch(batch_id=batch.id, store=store, work=work, report=report)
            except BatchBusy:
                bar.update(task, description="另一个进程正在处理这一批次，等待其完成")
                time.sleep(0.5)


def _show(receipt: dict[str, Any]) -> None:
    console.print(f"批次 {receipt['number'] or '（无法读取批次号）'}　平台编号 {receipt['batch']}")
    console.print(receipt["summary"])
    if not receipt["data_sets"]:
        return
    table = Table("数据集", "行数", "新增", "更正", "未变", "旧版", "退回", "提醒", "结果")
    for part in receipt["data_sets"]:
        counts = (part[count] for count in ("rows", "new", "changed", "unchanged", "stale", "refused", "warned"))
        problem = part["problem"]["message"] if part["problem"] else "已入库"
        table.add_row(part["title"], *map(str, counts), problem)
    console.print(table)
    for part in receipt["data_sets"]:
        for finding in part["findings"]:
            if finding["severity"] == "error":
                places = "、".join(map(str, finding["examples"]))
                console.print(f"✗ {part['title']}：{finding['message']}（{finding['rows']} 行，如第 {places} 行）")
                for hint in finding.get("hints", ()):
                    console.print(f"　{hint}")
