"""The CapabilityStatement: what the FHIR door takes and gives, told from what the data sets declare."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from kangqiao.formats.fhir.mapping import declarations

INTERACTIONS = ("create", "update", "read", "vread", "delete", "search-type")


def capability_statement(*, base: str, version: str, others: Iterable[str], date: str) -> dict[str, Any]:
    """Return the statement (http://hl7.org/fhir/R4/capabilitystatement.html).

    ``others`` are the types that become no data set.
    """
    types = sorted({*declarations(), *others})
    return {
        "resourceType": "CapabilityStatement",
        "status": "active",
        "date": date,
        "kind": "instance",
        "software": {"name": "康桥 Kangqiao", "version": version},
        "implementation": {"description": "区域全民健康信息平台 FHIR 接口", "url": f"{base}/fhir"},
        "fhirVersion": "4.0.1",
        "format": ["application/fhir+json"],
        "rest": [
            {
                "mode": "server",
                "documentation": "资源按接入标准校验后入库，原文逐字节保存并可读回。编号由报送方指定：资源的 id，"
                "没有 id 的取第一个 identifier。患者以 Patient/编号 或 identifier 指明。",
                "security": {"description": "请求头 Authorization: Bearer 接口令牌；令牌只能读写本机构的数据"},
                "resource": [_resource(kind) for kind in types],
                "interaction": [{"code": "transaction"}, {"code": "batch"}],
            }
        ],
    }


def _resource(kind: str) -> dict[str, Any]:
    sets = dict.fromkeys(data_set.title for data_set, _ in declarations().get(kind, ()))
    return {
        "type": kind,
        "documentation": f"入库为：{'、'.join(sets)}" if sets else "登记为报送机构的科室、人员",
        "interaction": [{"code": code} for code in INTERACTIONS],
        "versioning": "versioned-update",
        "readHistory": True,
        "updateCreate": True,
        "conditionalCreate": False,
        "conditionalUpdate": False,
        "conditionalDelete": "not-supported",
        "searchParam": [{"name": "patient", "type": "reference", "documentation": "患者编号；检索必填"}],
    }
