"""The error family of the gateway: each is one answer over HTTP, said in Chinese."""

from __future__ import annotations

from collections.abc import Sequence

from kangqiao.formats.fhir.mapping import Problem


class GatewayError(Exception):
    """A request that is answered with an error: HTTP status, FHIR issue type, message."""

    status = 500
    code = "exception"
    message = "平台内部错误，已记录；请稍后重试，仍不成功请联系平台管理员"
    headers: tuple[tuple[bytes, bytes], ...] = ()

    def __init__(self, message: str | None = None, *, expression: str = "") -> None:
        self.message = message or self.message
        self.expression = expression
        super().__init__(self.message)

    @property
    def problems(self) -> Sequence[Problem]:
        return (Problem("error", self.code, self.message, self.expression),)


class Malformed(GatewayError):
    """The request can not be understood."""

    status, code = 400, "invalid"

    def __init__(self, message: str, *, code: str = "invalid", expression: str = "") -> None:
        self.code = code
        super().__init__(message, expression=expression)


class Unauthenticated(GatewayError):
    """No token, or one that is unknown, expired or revoked."""

    status, code = 401, "login"
    message = "接口令牌无效、已过期或已停用；请在请求头 Authorization 中写明 Bearer 令牌"
    headers = ((b"www-authenticate", b"Bearer"),)


class Forbidden(GatewayError):
    """The token may not do this."""

    status, code = 403, "forbidden"


class NotFound(GatewayError):
    """There is no such thing, or it belongs to another institution."""

    status, code = 404, "not-found"


class MethodNotAllowed(GatewayError):
    """The address has no such method."""

    status, code = 405, "not-supported"
    message = "该地址不支持这种请求方法"


class Gone(GatewayError):
    """The resource was deleted."""

    status, code = 410, "deleted"
    message = "该资源已删除"


class TooLarge(GatewayError):
    """The body is larger than the platform takes."""

    status, code = 413, "too-long"


class NotAcceptable(GatewayError):
    """The client wants a format that is not offered."""

    status, code = 406, "not-supported"
    message = "平台只提供 application/fhir+json 格式"


class WrongMediaType(GatewayError):
    """The body is of a format that is not taken."""

    status, code = 415, "not-supported"
    message = "只接收 JSON：请把 Content-Type 写为 application/fhir+json"


class VersionConflict(GatewayError):
    """The version the client expects is not the current one."""

    status, code = 412, "conflict"
    message = "资源已有另一个版本，与 If-Match 不符；请读取当前版本后再更新"


class Refused(GatewayError):
    """The gate refuses the resource; everything there is to say about it is told at once."""

    status = 422

    def __init__(self, problems: Sequence[Problem]) -> None:
        self._problems = problems
        super().__init__("资源未通过校验")

    @property
    def problems(self) -> Sequence[Problem]:
        return self._problems


class Busy(GatewayError):
    """Too much is waiting; try again in a moment."""

    status, code = 503, "throttled"
    message = "平台繁忙，请稍后重试"
    headers = ((b"retry-after", b"1"),)


class Unavailable(GatewayError):
    """The database does not answer; the same request may be sent again."""

    status, code = 503, "transient"
    message = "数据库暂时不可用，请稍后重试；重复发送同一内容不会重复入库"
    headers = ((b"retry-after", b"2"),)


class NotStored(GatewayError):
    """The database refused the unit; nothing of it was stored."""

    message = "保存失败，本次请求的内容没有入库；平台已记录，请联系平台管理员"
