"""The error family of trust. Messages are Chinese, fit for a screen, and carry no personal data."""

from datetime import datetime, timedelta

from django.core.exceptions import PermissionDenied


class TrustError(Exception):
    """An account, token or act is refused; the message says why and what to do next."""


class NotPermitted(TrustError, PermissionDenied):
    """The actor lacks the permission, or the thing belongs to another institution."""


class WrongCredentials(TrustError):
    """No active account has this name and password. Says nothing about which of the two is wrong."""

    def __init__(self) -> None:
        super().__init__("账号或密码不正确。忘记密码请联系系统管理员重置。")


class AccountLocked(TrustError):
    """Too many failed attempts; carries the moment the lock ends."""

    def __init__(self, until: datetime, now: datetime) -> None:
        self.until = until
        minutes = max(1, -(-(until - now) // timedelta(minutes=1)))
        super().__init__(f"密码连续输错次数过多，账号已锁定，请 {minutes} 分钟后再试，或联系系统管理员解锁。")


class WrongToken(TrustError):
    """The token is unknown, expired or revoked."""

    def __init__(self) -> None:
        super().__init__("接口令牌无效、已过期或已停用。")


class AccountRefused(TrustError):
    """An account or token cannot be stored as asked; `element` is the field the message belongs to."""

    def __init__(self, element: str, message: str) -> None:
        self.element = element
        super().__init__(message)


class OwnAccount(TrustError):
    """Administrators do not disable, unlock or reset themselves."""

    def __init__(self) -> None:
        super().__init__("不能对自己的账号做这项操作，请由另一位系统管理员办理。")
