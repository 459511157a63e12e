"""`kangqiao identity`: compare whoever waits, or everybody anew; the model that decides, as a file."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

from kangqiao.wiring.ready import ready

if TYPE_CHECKING:
    from kangqiao.identity.matching import Matched

identity = typer.Typer(no_args_is_help=True, help="主索引：比对待比对的患者、全量重新比对、比对模型")
model = typer.Typer(no_args_is_help=True, help="比对模型：导出、导入")
identity.add_typer(model, name="model")
console = Console()


@identity.command(help="比对待比对的患者；待比对的很多或还没有本市的模型时，自动改为全量重新比对")
def match() -> None:
    with ready(report=lambda text: typer.echo(text, err=True)):
        from kangqiao.identity import rematching

        _compare(rematching.match)


@identity.command(help="全量重新比对：重新学习模型，人工认定保持不变，居民编号不变")
def rematch() -> None:
    with ready(report=lambda text: typer.echo(text, err=True)):
        from kangqiao.identity import rematching

        _compare(rematching.rematch)


@model.command("export", help="把现用的比对模型写成 JSON 文件")
def export_model(file: Annotated[Path, typer.Argument(help="写到哪个文件")]) -> None:
    with ready(report=lambda text: typer.echo(text, err=True)):
        from kangqiao.identity.linkage.model import save_model
        from kangqiao.identity.matching import psycopg_connection
        from kangqiao.identity.model_versions import model_in_use

        in_use = model_in_use(psycopg_connection()).model
        save_model(in_use, file)
    console.print(f"✓ 模型 {in_use.version} 已写入 {file}")


@model.command("import", help="启用一个 JSON 文件里的比对模型")
def take_model(file: Annotated[Path, typer.Argument(help="模型文件", exists=True, dir_okay=False)]) -> None:
    with ready(report=lambda text: typer.echo(text, err=True)):
        from kangqiao.identity.errors import IdentityError
        from kangqiao.identity.linkage.model import UnreadableModel
        from kangqiao.identity.model_versions import import_model
        from kangqiao.trust.actors import system_actor

        try:
            content = json.loads(file.read_text(encoding="utf-8"))
            taken = import_model(content=content, actor=system_actor("command line"))
        except (ValueError, UnreadableModel, IdentityError) as error:
            reason = "文件不是 JSON" if isinstance(error, ValueError) else str(error)
            raise _refused(reason) from error
    console.print(f"✓ 从现在起用模型 {taken.version} 认定")


def _compare(act: Callable[..., Matched]) -> None:
    from kangqiao.identity.errors import IdentityError
    from kangqiao.trust.actors import system_actor

    try:
        with said_with_a_bar(Console(stderr=True)) as say:
            done = act(actor=system_actor("command line"), say=say)
    except IdentityError as error:
        raise _refused(str(error)) from error
    console.print(f"✓ 比对 {done.compared:,} 名患者，合并 {done.joined:,} 位居民，提出 {done.doubts:,} 项疑问")


@contextmanager
def said_with_a_bar(on: Console) -> Iterator[Callable[[str, int, int], None]]:
    """Yield what shows on a bar what is being done, how much of it is done and how much there is."""
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeElapsedColumn())
    with Progress(*columns, console=on) as bar:
        task = bar.add_task("准备")
        yield lambda what, done, total: bar.update(task, description=what, completed=done, total=total)


def _refused(text: str) -> typer.Exit:
    console.print(f"✗ {text}", style="red")
    return typer.Exit(1)
