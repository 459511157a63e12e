"""The demonstration: a synthetic city, generated once and loaded through intake like any hospital's data."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

from kangqiao.infra.configuration import Configuration

RESIDENTS, YEARS, SEED, INSTITUTIONS = 20_000, 3, 530900, 30
GENERATED, LOADED = "generated", "loaded"
TOGETHER = 16
"""Deliveries that are loaded together; the bar moves on after each lot."""

Report = Callable[[str], None]


@dataclass(frozen=True)
class Invitation:
    """What a visitor needs: who to sign in as, and a resident worth looking at."""

    accounts: tuple[Any, ...]
    accounts_file: Path
    citizen_id: str | None


def provide_demo(settings: Configuration, report: Report, *, residents: int = RESIDENTS) -> Invitation:
    """Generate and load the city unless that was done before; what a killed run left half done is finished."""
    folder = settings.home / "demo-city"
    if not (folder / LOADED).exists():
        _generate(folder, residents, report)
        _load(folder, settings, report)
        _match(report)
        _measure(settings, report)
        _count(report)
        (folder / LOADED).touch()
    return _invitation(settings)


def _generate(folder: Path, residents: int, report: Report) -> None:
    from kangqiao.simulation.city import generate_city

    if (folder / GENERATED).exists():
        return
    shutil.rmtree(folder, ignore_errors=True)
    with _bar() as bar:
        task = bar.add_task("生成虚拟城市")
        city = generate_city(
            folder=folder,
            residents=residents,
            years=YEARS,
            seed=SEED,
            institutions=INSTITUTIONS,
            progress=lambda what, done, total: bar.update(task, description=what, completed=done, total=total),
        )
    (folder / GENERATED).touch()
    report(f"✓ 已生成 {city.residents:,} 名居民、{city.institutions} 家机构、{city.total_rows:,} 行数据")


def _load(folder: Path, settings: Configuration, report: Report) -> None:
    from kangqiao.infra.files import FileStore
    from kangqiao.intake.models import Door
    from kangqiao.intake.services import process_batches, submit_parcel
    from kangqiao.registry.services import import_registry
    from kangqiao.trust.actors import system_actor

    actor, store = system_actor("demo"), FileStore(settings.archive_url)
    import_registry(path=folder / "registry.xlsx", actor=actor)
    batches = sorted((folder / "batches").iterdir())
    rows = 0
    with _bar() as bar:
        slices = [batches[start : start + TOGETHER] for start in range(0, len(batches), TOGETHER)]
        for paths in bar.track(slices, description="经数据接入装载"):
            sent = [submit_parcel(path=path, door=Door.COMMAND, actor=actor, store=store) for path in paths]
            ids = [batch.id for batch in sent]
            done = process_batches(batch_ids=ids, store=store, work=settings.home / "work")
            rows += sum((batch.receipt or {})["totals"]["rows"] for batch in done)
    report(f"✓ 已处理 {len(batches)} 个批次、{rows:,} 行，回执见“数据接入”")


def _match(report: Report) -> None:
    from kangqiao.identity.rematching import match
    from kangqiao.trust.actors import system_actor

    with _bar() as bar:
        task = bar.add_task("比对居民")
        done = match(
            actor=system_actor("demo"),
            say=lambda what, done, total: bar.update(task, description=what, completed=done, total=total),
        )
    report(f"✓ 已比对 {done.compared:,} 名患者，合并 {done.joined:,} 位居民，{done.doubts:,} 项疑问待人工认定")


def _measure(settings: Configuration, report: Report) -> None:
    from kangqiao.infra.files import FileStore
    from kangqiao.quality.services import measure
    from kangqiao.trust.actors import system_actor

    with _bar() as bar:
        task = bar.add_task("测量数据质量")
        found = measure(
            home=settings.home,
            store=FileStore(settings.archive_url),
            actor=system_actor("demo"),
            report=lambda what, done, total: bar.update(task, description=what, completed=done, total=total),
        )
    report(f"✓ 已按全部质量规则检查 {found.rows:,} 行，发现 {found.failed:,} 处不合格，见“数据质量”")


def _count(report: Report) -> None:
    from kangqiao.apps.population.services import count_population
    from kangqiao.trust.actors import system_actor

    tally = count_population(actor=system_actor("demo"))
    report(f"✓ 已统计 {tally.people:,} 名在世居民，见“全员人口库”")


def _invitation(settings: Configuration) -> Invitation:
    from kangqiao.trust.actors import system_actor
    from kangqiao.trust.demo import FILE, provide_demo_accounts

    accounts = provide_demo_accounts(home=settings.home, institution_id=_worst_sender(), actor=system_actor("demo"))
    return Invitation(accounts, settings.home / FILE, _well_travelled())


def _worst_sender() -> int:
    """Return the institution with the most refused rows: its clerk has something to correct."""
    from django.db.models import Sum

    from kangqiao.intake.models import Batch

    by_sender = Batch.objects.exclude(sender_id=None).values("sender_id").annotate(refused=Sum("parts__refused"))
    (worst,) = by_sender.order_by("-refused", "sender_id").values_list("sender_id", flat=True)[:1]
    assert worst is not None
    return worst


def _well_travelled() -> str | None:
    """Return the ID number of the synthetic resident known at the most institutions."""
    from django.db.models import Count

    from kangqiao.identity.models import Link, ResidentIdentifier

    counted = Link.objects.filter(undone_at=None).values("resident_id").annotate(patients=Count("patient_id"))
    for resident_id in counted.order_by("-patients").values_list("resident_id", flat=True)[:20]:
        number = ResidentIdentifier.objects.filter(resident_id=resident_id, type="01", valid=True).first()
        if number:
            return number.number
    return None


def show(invitation: Invitation, report: Report) -> None:
    """Print the accounts and the resident to look at."""
    report(f"演示账号（也写在 {invitation.accounts_file}）：")
    for account in invitation.accounts:
        report(f"    {account.username:<14} {account.password:<22} {account.title}")
    if invitation.citizen_id:
        report(f"试试以医生身份登录，按身份证号查找（虚构人物）：{invitation.citizen_id}")


def _bar() -> Progress:
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeElapsedColumn())
    return Progress(*columns, console=Console())
