"""Errors of the drivers; `DriverError` is their root."""


class DriverError(Exception):
    """Anything a driver refuses or cannot do."""


class ConfigError(DriverError):
    """A configuration with one or more mistakes, all of them listed."""

    def __init__(self, problems: list[str]) -> None:
        self.problems = tuple(problems)
        super().__init__('\n'.join(problems))


class CalibrationError(DriverError):
    """A calibration file that is missing, malformed or of an unsupported age."""


class LinkError(DriverError):
    """The serial port is missing, busy or gone."""


class ServoError(DriverError):
    """One or more servos did not answer, or answered with a fault."""


class ProtocolError(DriverError):
    """The host broke a rule of the bus (found by the simulator's strict mode)."""


class NotActiveError(DriverError):
    """A command was given to an arm that is not powered."""


class CameraError(DriverError):
    """A camera source cannot be opened or does not deliver what was asked for."""
