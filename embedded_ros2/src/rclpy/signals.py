"""Signal handlers that shut contexts down."""

from __future__ import annotations

import enum
import signal
import threading
from types import FrameType
from typing import Any


class _Closed(enum.EnumMeta):
    """An enumeration whose members are attributes only, as those of a C++ binding are."""

    def __getitem__(cls, name: str) -> Any:
        raise TypeError(f'{cls.__name__!r} is not subscriptable')


class SignalHandlerOptions(enum.IntEnum, metaclass=_Closed):
    """For which signals handlers are installed."""

    NO = 0
    SIGINT = 1
    SIGTERM = 2
    ALL = 3


_SIGNALS = {
    SignalHandlerOptions.SIGINT: signal.SIGINT,
    SignalHandlerOptions.SIGTERM: signal.SIGTERM,
}
_previous: dict[int, Any] = {}
_current = SignalHandlerOptions.NO


def get_current_signal_handlers_options() -> SignalHandlerOptions:
    """Return for which signals handlers are installed."""
    return _current


def _handle(number: int, frame: FrameType | None) -> None:
    """Shut all contexts down, then do what the handler that was there before does."""
    from rclpy.context import g_contexts

    for context in list(g_contexts):
        context.try_shutdown()
    previous = _previous.get(number)
    if callable(previous):
        previous(number, frame)


def install_signal_handlers(
    options: SignalHandlerOptions = SignalHandlerOptions.ALL,
) -> None:
    """Install handlers; outside the main thread Python allows none, and none are installed."""
    global _current
    if threading.current_thread() is not threading.main_thread():
        return
    for option, number in _SIGNALS.items():
        if options & option and number not in _previous:
            _previous[number] = signal.signal(number, _handle)
    _current = SignalHandlerOptions(options | _current)


def uninstall_signal_handlers() -> None:
    """Put the earlier handlers back."""
    global _current
    if threading.current_thread() is threading.main_thread():
        for number, previous in _previous.items():
            if signal.getsignal(number) is _handle:
                signal.signal(number, previous or signal.SIG_DFL)
        _previous.clear()
        _current = SignalHandlerOptions.NO
