"""The serial line of a simulated bus: a pseudo-terminal with a name of its own choosing."""

from __future__ import annotations

import fcntl
import os
import select
import struct
import tty
from pathlib import Path

from so101_driver.common.errors import LinkError

_TCGETS2 = 0x802C542A  # as tcgetattr, but with speeds that are not in POSIX
_TERMIOS2 = struct.Struct('4I20x2I')


class PseudoTerminal:
    """A raw pty whose slave is reachable under a chosen path (a symbolic link).

    The slave is kept open here too, so that the line outlives the clients that open and close it.
    A pipe wakes a waiting `receive`, so that closing never has to wait for a timeout.
    """

    def __init__(self, link: str | Path) -> None:
        self.link = Path(link)
        self._master = -1
        self._slave = -1
        self._lock = -1
        self._lock_path = self.link.with_name(f'.{self.link.name}.lock')
        self._wake_read, self._wake_write = os.pipe()

    def plug(self) -> None:
        """Make the device appear; nothing happens when it is there already.

        Raises:
            LinkError: when the name is taken by something else, or by a simulator that still runs.
        """
        if self._master >= 0:
            return
        if self.link.exists() and not self.link.is_symlink():
            raise LinkError(f'{self.link}: exists and is no simulated port')
        self.link.parent.mkdir(parents=True, exist_ok=True)
        self._take_name()
        self._master, self._slave = os.openpty()
        tty.setraw(self._slave)
        os.set_blocking(self._master, False)
        temporary = self.link.with_name(f'.{self.link.name}.{os.getpid()}')
        temporary.unlink(missing_ok=True)
        temporary.symlink_to(os.ttyname(self._slave))
        temporary.replace(self.link)

    def unplug(self) -> None:
        """Make the device vanish under its clients."""
        if self._master < 0:
            return
        try:
            if self.link.readlink() == Path(os.ttyname(self._slave)):
                self.link.unlink()
        except OSError:
            pass  # somebody else removed or replaced the link: it is no longer ours
        os.close(self._slave)
        os.close(self._master)
        self._lock_path.unlink(missing_ok=True)
        os.close(self._lock)
        self._master = self._slave = self._lock = -1

    def is_open_elsewhere(self) -> bool:
        """Tell whether a client that opens exclusively, as drivers do, has the device open."""
        if self._slave < 0:
            return False
        try:
            fcntl.flock(self._slave, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        fcntl.flock(self._slave, fcntl.LOCK_UN)
        return False

    def speed(self) -> int:
        """Return the speed (bits per second) that the host has set; 0 without a device."""
        if self._slave < 0:
            return 0
        settings = bytearray(_TERMIOS2.size)
        fcntl.ioctl(self._slave, _TCGETS2, settings)
        return int(_TERMIOS2.unpack(settings)[-1])

    def receive(self, timeout_s: float | None = None) -> bytes:
        """Wait for bytes from the host; nothing when the time is over or `wake` was called."""
        master = self._master
        watched = [self._wake_read] if master < 0 else [master, self._wake_read]
        readable, _, _ = select.select(watched, [], [], timeout_s)
        if self._wake_read in readable:
            os.read(self._wake_read, 64)
            return b''
        return self._read() if readable else b''

    def has_input(self) -> bool:
        """Tell whether the host has sent something that was not received yet."""
        if self._master < 0:
            return False
        return bool(select.select([self._master], [], [], 0.0)[0])

    def send(self, data: bytes) -> None:
        """Put bytes onto the line; lost when nobody empties the buffer, as on a real wire."""
        if self._master < 0:
            return
        try:
            os.write(self._master, data)
        except (BlockingIOError, OSError):
            return

    def _read(self) -> bytes:
        try:
            return os.read(self._master, 4096)
        except OSError:
            return b''

    def wake(self) -> None:
        """Make a waiting `receive` return."""
        os.write(self._wake_write, b'.')

    def _take_name(self) -> None:
        """Lock the name; a lock of a simulator that was killed is gone with it."""
        self._lock = os.open(self._lock_path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(self._lock)
            self._lock = -1
            raise LinkError(f'{self.link}: another simulator has that name') from None

    def close(self) -> None:
        """Unplug for good."""
        self.unplug()
        for descriptor in (self._wake_read, self._wake_write):
            os.close(descriptor)
