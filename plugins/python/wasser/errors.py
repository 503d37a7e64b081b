"""Why a method could not do its work. Any other exception is a bug of the plugin, and a fault."""

from .checked import Seconds, require


class Error(Exception):
    """An answer of a method that is not a result. Raise one of the classes below."""


class NotSupported(Error):
    """The plugin leaves this call to the host, which does the same as for every runtime."""


class Invalid(Error):
    """The user's object is wrong. The host reports the field and waits for a change."""

    def __init__(self, field: str, message: str):
        """`field` begins with the kind: `Dataset.spec.mounts[0].mountPoint`. `message` says what is
        wrong and what to write instead."""
        super().__init__(f"{field}: {message}")
        self.field = field
        self.message = message


class RetryAfter(Error):
    """The method cannot do its work yet. The host calls again after some seconds."""

    def __init__(self, seconds: float, message: str):
        require("RetryAfter.seconds", seconds, Seconds)
        super().__init__(message)
        self.seconds = seconds
        self.message = message


class Failed(Error):
    """The attempt failed. The host reports the message and retries with growing pauses."""


class HostError(Failed):
    """The host could not do what the plugin asked of it. Not caught, it fails the method."""


class NotGranted(HostError):
    """The registration does not grant this, or `describe` does not want it."""


class NotFound(HostError):
    """There is no such pod, container or object, or it is not running."""


class Conflict(HostError):
    """Somebody else has changed it since it was read. Not caught, the host calls again soon."""


class Throttled(HostError):
    """Too much was asked for at once. Not caught, the host calls again after these seconds."""

    def __init__(self, seconds: int, message: str):
        super().__init__(message)
        self.seconds = seconds


class TimedOut(HostError):
    """It did not finish in time."""

    def __init__(self, message: str = "did not finish in time"):
        super().__init__(message)


class Pending(BaseException):
    """The result is not there yet: the host calls the method again once it is.

    Not an Exception, so that `except Exception` lets it through. What the method does on its way out has
    no effect: every function of the host raises it again, and no other exception or answer counts.
    """
