"""`kangqiao standards`: the intake contract, interface documents and Excel templates, which need no database, and the
import of terminologies, which does.
"""

from __future__ import annotations

import datetime as dt
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import django
import typer
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from kangqiao.wiring.ready import ready

if TYPE_CHECKING:
    from kangqiao.standards.data_set import DataSet

standards = typer.Typer(no_args_is_help=True, help="数据标准：接入标准、接口说明、填报模板，导入术语")
console = Console()


@standards.callback()
def _setup(context: typer.Context) -> None:
    if context.invoked_subcommand == "import":
        return  # needs the database, which must run before Django's settings look for it
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "kangqiao.wiring.settings")
    django.setup()


@standards.command(help="以 JSON 输出接入标准：全部数据集、校验规则和值域")
def contract(
    output: Annotated[Path | None, typer.Option("--output", "-o", help="写入文件，不填则输出到屏幕")] = None,
) -> None:
    from kangqiao.standards.contract import contract as whole_contract

    text = json.dumps(whole_contract(), ensure_ascii=False, indent=2)
    if output is None:
        typer.echo(text)
    else:
        output.write_text(text + "\n", encoding="utf-8")
        console.print(f"✓ 已写入 {output}")


@standards.command(help="为每个数据集写出接口说明（.md）和填报模板（.xlsx）")
def docs(folder: Annotated[Path, typer.Argument(help="写到哪个文件夹", file_okay=False)]) -> None:
    from kangqiao.standards.data_set import data_sets
    from kangqiao.standards.documents import excel_template, interface_document

    folder.mkdir(parents=True, exist_ok=True)
    for word, data_set in data_sets().items():
        (folder / f"{word}.md").write_text(interface_document(data_set), encoding="utf-8")
        (folder / f"{word}.xlsx").write_bytes(excel_template(data_set))
    console.print(f"✓ {len(data_sets())} 个数据集的接口说明和填报模板已写入 {folder}")


@standards.command(help="逐项比较一个数据集的两个版本")
def compare(
    data_set: Annotated[str, typer.Argument(help="数据集代号，如 lab-result")],
    former: Annotated[str, typer.Argument(help="旧版，如 1.0")],
    newer: Annotated[str, typer.Argument(help="新版，如 1.1")],
) -> None:
    from kangqiao.standards.comparison import UnknownEdition
    from kangqiao.standards.comparison import compare as differences

    known = _known(data_set)
    try:
        found = differences(known, former, newer)
    except UnknownEdition as error:
        console.print(f"✗ {error}", style="red")
        raise typer.Exit(1) from error
    if not found:
        console.print(f"“{known.title}”的 {former} 版与 {newer} 版没有不同")
        return
    table = Table("列名", "名称", "不同之处", f"{former} 版", f"{newer} 版", title=known.title)
    for each in found:
        table.add_row(each.column, each.title, each.what, each.former, each.newer)
    console.print(table)


def _known(word: str) -> type[DataSet]:
    from kangqiao.standards.data_set import data_sets

    found = data_sets().get(word)
    if found is None:
        console.print(f"✗ 没有数据集 {word}；已有：{'、'.join(data_sets())}", style="red")
        raise typer.Exit(1)
    return found


@standards.command(help="写出一个数据集的填报模板（.xlsx）")
def template(
    data_set: Annotated[str, typer.Argument(help="数据集代号，如 lab-result")],
    output: Annotated[Path | None, typer.Option("--output", "-o", help="文件名，默认 <数据集代号>.xlsx")] = None,
) -> None:
    from kangqiao.standards.documents import excel_template

    target = output or Path(f"{data_set}.xlsx")
    target.write_bytes(excel_template(_known(data_set)))
    console.print(f"✓ 已写入 {target}")


@standards.command("import", help="导入一种术语的一个版本：ICD-10、ICD-9-CM-3、药品、耗材编码或 LOINC")
def import_(
    kind: Annotated[str, typer.Argument(help="哪种术语，如 icd-10-insurance；写错时列出全部")],
    file: Annotated[Path, typer.Argument(help="发布单位的 .xlsx、.csv 或 .zip", exists=True, dir_okay=False)],
    edition: Annotated[str, typer.Option("--edition", help="版本，如 2.0")],
    valid_from: Annotated[dt.datetime, typer.Option("--from", help="启用日期", formats=["%Y-%m-%d"])],
) -> None:
    with ready(report=lambda text: typer.echo(text, err=True)):
        from kangqiao.registry.errors import TerminologyRefused
        from kangqiao.registry.terminology.layouts import Kind

        if kind not in Kind.values:
            listed = "\n".join(f"  {each.value}　{each.label}" for each in Kind)
            console.print(f"✗ 没有术语 {kind}；可以导入：\n{listed}", style="red", markup=False)
            raise typer.Exit(1)
        try:
            _say(_import(kind, file, edition.strip(), valid_from.date()))
        except TerminologyRefused as refusal:
            console.print(f"✗ {refusal}", style="red", markup=False, soft_wrap=True)
            raise typer.Exit(1) from refusal


def _import(kind: str, file: Path, edition: str, valid_from: dt.date) -> Any:
    """Import under a counter of codes, and hand the codes to the gate."""
    from kangqiao.registry.terminology.layouts import Kind
    from kangqiao.registry.terminology.services import import_terminology, publish_codes
    from kangqiao.trust.actors import system_actor

    columns = (SpinnerColumn(), TextColumn("{task.description} {task.completed:.0f} 个代码"), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task("已读入", total=None)
        done = import_terminology(
            kind=Kind(kind),
            path=file,
            edition=edition,
            valid_from=valid_from,
            actor=system_actor("command line"),
            report=lambda count: bar.update(task, completed=count),
        )
    publish_codes(Kind(kind))
    return done


def _say(done: Any) -> None:
    title = f"{done.edition}，{done.edition.codes_count} 个代码，{done.edition.valid_from} 启用"
    said = f"✓ 同一文件已经导入过，没有改动：{title}" if done.already else f"✓ 已导入 {title}"
    console.print(said, markup=False, soft_wrap=True)
    if done.before:
        found = done.differences
        counts = f"新增 {found.added}，改名 {found.renamed}，不再收录 {found.dropped}"
        console.print(f"  比 {done.before.edition} 版：{counts}", markup=False)
