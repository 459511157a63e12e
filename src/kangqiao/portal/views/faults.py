"""The pages of what went wrong: plain words, and a way on.

They ask the database for nothing: it may be what is broken, and under ASGI Django answers an exception in a thread
whose connection nobody would give back.
"""

from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string

from kangqiao.trust.errors import NotPermitted


def _fault(status: int, title: str, text: str) -> HttpResponse:
    context = {"title": title, "code": status, "text": text}
    return HttpResponse(render_to_string("portal/fault.html", context), status=status)


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """400: the request is not one this site sends."""
    return _fault(400, "请求无法识别", "网址或提交的内容不完整。请返回上一页，重新操作一次。")


def not_permitted(request: HttpRequest, exception: Exception) -> HttpResponse:
    """403: the role does not include it."""
    reason = str(exception) if isinstance(exception, NotPermitted) else ""
    text = f"{reason}如工作需要，请联系系统管理员调整角色。这次访问已记入审计日志。"
    return _fault(403, "没有权限", text)


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """404: nothing here."""
    return _fault(404, "页面不存在", "网址可能输入有误，或者内容已经移走。")


def broken(request: HttpRequest) -> HttpResponse:
    """500: a fault of ours."""
    return _fault(500, "系统出了问题", "操作没有完成。请稍后再试；反复出现时请联系系统管理员。")


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """403: the form is too old or comes from elsewhere."""
    return _fault(403, "页面已过期", "为了安全，停留过久或换了账号后，表单需要重新打开。请返回上一页，刷新后再提交。")
