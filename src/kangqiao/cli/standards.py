"""`kangqiao standards`: the intake contract, interface documents and Excel templates. Needs no database."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Annotated

import django
import typer
from rich.console import Console

standards = typer.Typer(no_args_is_help=True, help="数据标准：接入标准、接口说明和填报模板")
console = Console()


@standards.callback()
def _setup() -> None:
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


@standards.command(help="写出一个数据集的填报模板（.xlsx）")
def template(
    data_set: Annotated[str, typer.Argument(help="数据集代号，如 lab-result")],
    output: Annotated[Path | None, typer.Option("--output", "-o", help="文件名，默认 <数据集代号>.xlsx")] = None,
) -> None:
    from kangqiao.standards.data_set import data_sets
    from kangqiao.standards.documents import excel_template

    known = data_sets()
    if data_set not in known:
        console.print(f"✗ 没有数据集 {data_set}；已有：{'、'.join(known)}", style="red")
        raise typer.Exit(1)
    target = output or Path(f"{data_set}.xlsx")
    target.write_bytes(excel_template(known[data_set]))
    console.print(f"✓ 已写入 {target}")
