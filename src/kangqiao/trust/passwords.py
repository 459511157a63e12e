"""Passwords: what is strong enough, and how the platform makes one."""

import secrets

from django.core.exceptions import ValidationError

MINIMUM_LENGTH = 12
_READABLE = "abcdefghjkmnpqrstuvwxyz"
_CLASSES = (str.islower, str.isupper, str.isdigit, lambda sign: not sign.isalnum())


class FourClassPassword:
    """A validator of Django: twelve characters or more, of at least three of four kinds, without the username."""

    def validate(self, password: str, user: object | None = None) -> None:
        """Raise `ValidationError` with a Chinese message when the password is weak."""
        if len(password) < MINIMUM_LENGTH:
            raise ValidationError(f"密码至少 {MINIMUM_LENGTH} 个字符。")
        if sum(any(of_kind(sign) for sign in password) for of_kind in _CLASSES) < 3:
            raise ValidationError("密码须包含大写字母、小写字母、数字、符号中的至少三类。")
        name = getattr(user, "username", "")
        if name and name in password.lower():
            raise ValidationError("密码不能包含账号名。")

    def get_help_text(self) -> str:
        """Return the rule as a sentence for the form."""
        return f"至少 {MINIMUM_LENGTH} 个字符，包含大写字母、小写字母、数字、符号中的至少三类，不含账号名。"


def generate_password() -> str:
    """Return a random password of about 67 bits that can be read aloud: no look-alike characters."""
    words = ["".join(secrets.choice(_READABLE) for _ in range(4)) for _ in range(3)]
    return "-".join([words[0].capitalize(), *words[1:], str(secrets.randbelow(9000) + 1000)])
