"""Errors of the recorder; `RecorderError` is their root."""

from so101_driver.common.errors import ConfigError, DriverError


class RecorderError(DriverError):
    """Anything the recorder refuses or cannot do."""


class ContractError(ConfigError, RecorderError):
    """A contract file with one or more mistakes, all of them listed."""


class EmptyTakeError(RecorderError):
    """A take that was cut in its first second, before a row with all its frames was there."""


class StreamError(RecorderError):
    """A message that does not fit its contract (joint missing, other size, other encoding)."""


class ForeignMessage(StreamError):  # noqa: N818 - no error, the message is for somebody else
    """A message with none of the source's joints: it belongs to another source of the topic.

    Args:
        topic: where it came.
        names: the joints that it has.
    """

    def __init__(self, topic: str, names: str) -> None:
        super().__init__(f'{topic}: none of the joints in the message; it has {names}')
        self.names = names


class DatasetError(RecorderError):
    """The dataset on disk cannot be opened, resumed or extended."""


class EncodeError(RecorderError):
    """A video could not be encoded, or does not hold as many frames as there are rows."""


class HubError(RecorderError):
    """A dataset could not be uploaded; the local one is as it was."""
