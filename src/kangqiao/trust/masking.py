"""Masks for personal data on screens and in downloads: enough to recognise someone, too little to copy."""


def masked_name(name: str) -> str:
    """Return a name with only its first character, and the last one when there are three or more."""
    if len(name) <= 1:
        return name
    if len(name) == 2:
        return name[0] + "*"
    return name[0] + "*" * (len(name) - 2) + name[-1]


def masked_number(number: str) -> str:
    """Return an identity, card or telephone number with its first three and last four characters."""
    if len(number) < 9:
        return "*" * len(number)
    return number[:3] + "*" * (len(number) - 7) + number[-4:]


def masked_address(address: str) -> str:
    """Return an address down to the township at most: its first nine characters."""
    return address if len(address) <= 9 else address[:9] + "****"
