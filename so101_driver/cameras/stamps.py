"""A driver's time stamps, moved from its clock to ROS time."""

from __future__ import annotations

from so101_driver.cameras.frame import DRIVER, GRAB

_OLDEST_NS = 1_000_000_000
_NS_PER_MS = 1_000_000


class DriverStamps:
    """Moves the stamps of one opened device, as far as they can be believed.

    A stamp of the driver is on the monotonic clock. It is used when it is less than a second old
    and later than the one before; else the moment of the grab is taken.
    """

    def __init__(self) -> None:
        self._last_ns = 0

    def moved(self, driver_ms: float, monotonic_ns: int, ros_ns: int) -> tuple[int, str]:
        """Return a picture's stamp (ROS time, ns) and its source, `driver` or `grab`.

        Args:
            driver_ms: What the driver says.
            monotonic_ns: The monotonic clock right after the grab.
            ros_ns: ROS time at the same moment.
        """
        driver_ns = round(driver_ms * _NS_PER_MS)
        age_ns = monotonic_ns - driver_ns
        is_good = 0 <= age_ns < _OLDEST_NS and driver_ns > self._last_ns
        # A stamp of the grab counts too: the order of the pictures is kept.
        self._last_ns = driver_ns if is_good else monotonic_ns
        return (ros_ns - age_ns, DRIVER) if is_good else (ros_ns, GRAB)
