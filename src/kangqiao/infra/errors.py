"""The one error family of infra."""


class InfraError(Exception):
    """Something around the program is not as it must be; the Chinese message says what to do next."""


class ConfigurationError(InfraError):
    """A setting of the environment cannot be understood."""


class PostgresError(InfraError):
    """The embedded PostgreSQL cannot be created, started or stopped."""


class FileStoreError(InfraError):
    """The archive cannot be read or written."""


class FileMissing(FileStoreError):
    """The archive holds no file of this name."""
