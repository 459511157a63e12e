"""The operator's command `kangqiao`; each subcommand is a module of this package."""

import os
import sys

import typer

from kangqiao.cli.doctor import doctor
from kangqiao.cli.identity import identity
from kangqiao.cli.intake import intake
from kangqiao.cli.quality import quality
from kangqiao.cli.standards import standards
from kangqiao.cli.up import up
from kangqiao.infra.errors import InfraError
from kangqiao.wiring.ready import ready

program = typer.Typer(no_args_is_help=True, pretty_exceptions_enable=False, add_completion=False)


@program.callback()
def kangqiao() -> None:
    """康桥：区域全民健康信息平台"""


program.add_typer(intake, name="intake")
program.add_typer(identity, name="identity")
program.add_typer(quality, name="quality")
program.add_typer(standards, name="standards")
program.command(help="启动数据库、页面服务和后台任务，按 Ctrl-C 停止")(up)
program.command(help="检查运行环境，逐项说明是否正常、怎样修复")(doctor)


@program.command(
    context_settings={"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []},
    help="运行 Django 的管理命令，例如 kangqiao manage migrate",
)
def manage(context: typer.Context) -> None:
    from django.core.management import execute_from_command_line

    with ready(report=lambda text: typer.echo(text, err=True)):
        execute_from_command_line(["kangqiao manage", *context.args])


def app() -> None:
    """Run the command line; an error of the surroundings is shown as one message, not as a traceback."""
    os.umask(0o077)  # what this program writes, logs included, is for its own user
    try:
        program()
    except InfraError as error:
        typer.echo(f"✗ {error}", err=True)
        sys.exit(1)


if __name__ == "__main__":
    app()
