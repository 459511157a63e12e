"""What is written for a name where there is none."""

import re
from typing import Final

NOTHING: Final = re.compile("不详|未知|无|无名|无名氏|佚名|待查|婴儿|新生儿|毛毛|宝宝")
NEWBORN: Final = re.compile("之(?P<order>长|次|大|小|二|双|孪)?(子|女|婴|男婴|女婴|儿)(?P<sign>[12一二甲乙AB大小])?$")
"""How a child without a name is written down: by its mother's (某某之子、某某之女), as commonly seen."""

SAYS_LITTLE: Final = re.sub(r"\?P<\w+>", "", f"^({NOTHING.pattern})$|{NEWBORN.pattern}")
"""Names that any other name is better than; Python and PostgreSQL read the pattern alike."""
