"""The error tree of GliaLens.

Every message is one or two sentences for a person: the rule first, then what was
received. The service maps these classes to status codes once, the dashboard and the
command line show `str(error)`.
"""


class GliaLensError(Exception):
    """Base of every error that GliaLens raises on purpose."""


class InputError(GliaLensError):
    """What was given to read can't be used."""


class UnsupportedTypeError(InputError):
    """The bytes are of a type that GliaLens doesn't read (HTTP 415)."""


class TooLargeError(InputError):
    """The file or its decoded pixels exceed a limit (HTTP 413)."""


class UnreadableError(InputError):
    """The type is supported, but the content is empty, truncated or broken (HTTP 422)."""


class NotAssessableError(InputError):
    """The image was read, but holds nothing that a model could assess (HTTP 422)."""


class UnknownModelError(GliaLensError):
    """The registry has no model of that name (HTTP 422)."""


class ModelNotReadyError(GliaLensError):
    """The model is known, but its weights are missing or damaged (HTTP 503)."""


class DatasetError(GliaLensError):
    """A dataset folder, a manifest or a box file breaks its rules."""


class RunError(GliaLensError):
    """A training run can't be started, resumed or published."""


class OutputError(GliaLensError):
    """A result can't be written where it should go."""


class DownloadError(GliaLensError):
    """Something that lies outside this machine could not be fetched."""


class SettingsError(GliaLensError):
    """A setting (environment variable or file) has a value that breaks its rule."""


class ServiceError(GliaLensError):
    """A GliaLens service can't be reached, or doesn't answer as one."""


class CaseLogError(GliaLensError):
    """The case log is off, can't be opened, or was asked for something against its rules."""


class MissingPackageError(GliaLensError):
    """An optional package that was asked for is not installed."""


class ClusterError(GliaLensError):
    """A cluster can't be reached, or its workers don't fit the one who asks."""
