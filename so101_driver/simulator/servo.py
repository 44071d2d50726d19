"""One simulated STS3215: register map with its access rules, and the joint behind it.

Positions in registers are offset-corrected ticks, `(encoder - homing offset) mod 4096`; the joint
itself moves in encoder ticks unwrapped around the middle of that frame, because the servo never
travels across the seam.
"""

from __future__ import annotations

import dataclasses
import math

from so101_driver.bus.registers import (
    EEPROM_END,
    PHASE_MULTI_TURN,
    STS3215_MODEL,
    TICKS_PER_TURN,
    Fault,
    Register,
    decode,
    encode,
)
from so101_driver.simulator.health import Health, Protection
from so101_driver.simulator.motion import NO_LOAD_SPEED, Drive, Joint

MEMORY_SIZE = 128
_MAXIMUM_ACCELERATION = Register.MAXIMUM_ACCELERATION.address
_TORQUE_SET_MIDDLE = 128
_CURRENT_PER_DUTY = 0.2  # counts of 6.5 mA per 0.1 % duty, roughly

# Values of a fresh servo with firmware 3.10; everything else is zero.
_EEPROM_DEFAULTS = {
    Register.FIRMWARE_MAJOR: 3,
    Register.FIRMWARE_MINOR: 10,
    Register.MODEL_NUMBER: STS3215_MODEL,
    Register.RESPONSE_STATUS_LEVEL: 1,
    Register.MAX_POSITION_LIMIT: 4095,
    Register.MAX_TEMPERATURE_LIMIT: 70,
    Register.MAX_VOLTAGE_LIMIT: 80,
    Register.MIN_VOLTAGE_LIMIT: 40,
    Register.MAX_TORQUE_LIMIT: 1000,
    Register.PHASE: 12,
    Register.UNLOADING_CONDITION: 44,
    Register.LED_ALARM_CONDITION: 47,
    Register.P_COEFFICIENT: 32,
    Register.D_COEFFICIENT: 32,
    Register.MINIMUM_STARTUP_FORCE: 16,
    Register.CW_DEAD_ZONE: 1,
    Register.CCW_DEAD_ZONE: 1,
    Register.PROTECTION_CURRENT: 500,
    Register.ANGULAR_RESOLUTION: 1,
    Register.PROTECTIVE_TORQUE: 20,
    Register.PROTECTION_TIME: 200,
    Register.OVERLOAD_TORQUE: 80,
    Register.VELOCITY_P: 10,
    Register.OVER_CURRENT_TIME: 200,
    Register.VELOCITY_I: 10,
    Register.MAXIMUM_ACCELERATION: 254,
}
_WRITABLE = frozenset(
    address
    for register in Register
    if register.writable
    for address in range(register.address, register.address + register.size)
)


@dataclasses.dataclass(frozen=True)
class ServoSetup:
    """What a simulated servo is made with; positions in offset-corrected ticks."""

    id: int
    homing_offset: int = 0
    range_min: int = 0
    range_max: int = 4095
    start: int = 2048
    stop_low: float = -math.inf
    stop_high: float = math.inf
    overload_latch: str = 'torque'


class SimulatedServo:
    """Registers and joint of one unit; not locked, its bus serves one request at a time."""

    def __init__(self, setup: ServoSetup, now_ns: int) -> None:
        self._memory = bytearray(MEMORY_SIZE)
        self._drive: Drive | None = None
        self._measured: tuple[float, ...] | None = None
        self.health = Health(latch=setup.overload_latch)
        self.error = 0
        self.eeprom_is_stuck = False
        self.largest_step = 0
        for register, value in _EEPROM_DEFAULTS.items():
            self.set(register, value)
        self.set(Register.ID, setup.id)
        self.set(Register.HOMING_OFFSET, setup.homing_offset)
        self.set(Register.MIN_POSITION_LIMIT, setup.range_min)
        self.set(Register.MAX_POSITION_LIMIT, setup.range_max)
        self._stored = bytearray(self._memory)
        self._parked: list[tuple[int, bytes]] = []
        # Stops and start are given in the frame of the offset the servo is born with.
        shift = setup.homing_offset
        self.joint = Joint(
            setup.start + shift, setup.stop_low + shift, setup.stop_high + shift, time_ns=now_ns
        )
        self.power_up(now_ns)

    @property
    def id(self) -> int:
        """Address on the bus."""
        return self._memory[Register.ID.address]

    @property
    def answers_writes(self) -> bool:
        """Whether the response level asks for acknowledgements."""
        return self.get(Register.RESPONSE_STATUS_LEVEL) != 0

    @property
    def is_powered(self) -> bool:
        """Whether torque is on."""
        return self._memory[Register.TORQUE_ENABLE.address] == 1

    def power_up(self, now_ns: int) -> None:
        """Do a power cycle: stored EEPROM, RAM at its defaults, torque off."""
        self._memory[:] = self._stored
        self._memory[EEPROM_END:_MAXIMUM_ACCELERATION] = bytes(_MAXIMUM_ACCELERATION - EEPROM_END)
        self.set(Register.TORQUE_LIMIT, self.get(Register.MAX_TORQUE_LIMIT))
        self._parked.clear()
        self.health.power_up()
        self.joint.velocity = self.joint.load = 0.0
        self.joint.time_ns = now_ns
        self.advance(now_ns)

    def get(self, register: Register) -> int:
        """Return a register's value from the inside."""
        return decode(register, self._memory, 0)

    def set(self, register: Register, value: int) -> None:
        """Set a register from the inside, whatever its access."""
        data = encode(register, value)
        self._memory[register.address : register.address + len(data)] = data
        self._drive = None

    def place(self, position: float) -> None:
        """Move the joint by hand to an offset-corrected position (ticks, with fractions)."""
        self.joint.place(position + self.get(Register.HOMING_OFFSET))

    def read(self, address: int, count: int, now_ns: int) -> bytes:
        """Return registers as the host sees them now."""
        self.advance(now_ns)
        return bytes(self._memory[address : address + count]).ljust(count, b'\0')

    def write(self, address: int, data: bytes, now_ns: int) -> None:
        """Write as the host does: read-only bytes stay, EEPROM is kept only while unlocked."""
        self.advance(now_ns)
        was_powered, old_goal = self.is_powered, self.get(Register.GOAL_POSITION)
        locked = self.get(Register.LOCK) != 0 or self.eeprom_is_stuck
        for cell, byte in enumerate(data, address):
            if cell in _WRITABLE:
                self._memory[cell] = byte
                if not locked and (cell < EEPROM_END or cell == _MAXIMUM_ACCELERATION):
                    self._stored[cell] = byte
        if self.eeprom_is_stuck:
            self._memory[Register.LOCK.address] = 1
        self._drive = None
        if self.get(Register.TORQUE_ENABLE) == _TORQUE_SET_MIDDLE:
            self._set_middle()
        self._note_step(was_powered, old_goal)

    def park(self, address: int, data: bytes) -> None:
        """Keep a registered write for the action instruction."""
        self._parked.append((address, data))
        self.set(Register.ASYNC_WRITE_PENDING, 1)

    def act(self, now_ns: int) -> None:
        """Do every parked write."""
        parked, self._parked = self._parked, []
        for address, data in parked:
            self.write(address, data, now_ns)
        self.set(Register.ASYNC_WRITE_PENDING, 0)

    def advance(self, now_ns: int) -> None:
        """Move the joint up to now and refresh the measured registers where they changed."""
        joint, health = self.joint, self.health
        if self._drive is None:
            self._drive = self._read_drive()
            self._protection = self._read_protection()
            self._measured = None
        joint.advance(now_ns, self._drive)
        error = health.error(now_ns, joint.load, self._protection)
        if error != self.error:
            self.error = error
            self._drive = self._read_drive()
        measured = (
            joint.position, joint.velocity, joint.load, error,
            health.supply_v, health.temperature_c,
        )  # fmt: skip
        if measured != self._measured:
            self._measured = measured
            self._show()

    def _note_step(self, was_powered: bool, old_goal: int) -> None:
        """Keep the largest distance (ticks) that the joint was ever told to go at once."""
        if not self.is_powered:
            if was_powered:
                self.health.torque_off()
            return
        goal = self.get(Register.GOAL_POSITION)
        before = old_goal if was_powered else self.get(Register.PRESENT_POSITION)
        self.largest_step = max(self.largest_step, abs(goal - before))

    def _show(self) -> None:
        """Write what is measured into its registers."""
        joint = self.joint
        position = round(joint.position - self.get(Register.HOMING_OFFSET))
        if not self.get(Register.PHASE) & PHASE_MULTI_TURN:
            position %= TICKS_PER_TURN
        drive = self._drive
        self.set(Register.PRESENT_POSITION, position)
        self.set(Register.PRESENT_VELOCITY, round(joint.velocity))
        self.set(Register.PRESENT_LOAD, round(joint.load))
        self.set(Register.PRESENT_VOLTAGE, round(self.health.supply_v * 10))
        self.set(Register.PRESENT_TEMPERATURE, round(self.health.temperature_c))
        self.set(Register.PRESENT_CURRENT, round(abs(joint.load) * _CURRENT_PER_DUTY))
        self.set(Register.MOVING, int(abs(joint.velocity) > 1.0))
        self.set(Register.STATUS, self.error)
        self._drive = drive  # these registers do not change what is asked of the motor

    def _read_protection(self) -> Protection:
        return Protection(
            self.get(Register.MIN_VOLTAGE_LIMIT),
            self.get(Register.MAX_VOLTAGE_LIMIT),
            self.get(Register.MAX_TEMPERATURE_LIMIT),
            self.get(Register.OVERLOAD_TORQUE),
            self.get(Register.PROTECTION_TIME),
        )

    def _read_drive(self) -> Drive:
        low, high = self.get(Register.MIN_POSITION_LIMIT), self.get(Register.MAX_POSITION_LIMIT)
        goal = self.get(Register.GOAL_POSITION)
        if high > low:  # both zero means multi-turn: no limits
            goal = min(max(goal, low), high)
        asked = abs(self.get(Register.GOAL_VELOCITY))
        cutting = self.error & self.get(Register.UNLOADING_CONDITION)
        tripped = bool(cutting & Fault.OVERLOAD.value)
        limit = self.get(Register.PROTECTIVE_TORQUE) * 10 if tripped else 1000
        return Drive(
            goal=float(goal + self._frame_start()),
            powered=self.is_powered and not cutting & ~Fault.OVERLOAD.value,
            p_coefficient=self.get(Register.P_COEFFICIENT),
            acceleration=self.get(Register.ACCELERATION),
            speed_limit=min(float(asked), NO_LOAD_SPEED) if asked else NO_LOAD_SPEED,
            torque_limit=float(min(limit, self.get(Register.TORQUE_LIMIT))),
            is_tripped=tripped,
        )

    def _frame_start(self) -> int:
        """Return where the register's 0 lies in the joint's turn (encoder ticks)."""
        offset = self.get(Register.HOMING_OFFSET)
        if self.get(Register.PHASE) & PHASE_MULTI_TURN:
            return offset
        return offset + round(self.joint.position - offset) // TICKS_PER_TURN * TICKS_PER_TURN

    def _set_middle(self) -> None:
        """Make the present position the middle, as writing 128 to torque enable does."""
        offset = round(self.joint.position) - TICKS_PER_TURN // 2
        wrapped = (offset + 2047) % TICKS_PER_TURN - 2047
        self.set(Register.HOMING_OFFSET, min(wrapped, 2047))
        self.set(Register.TORQUE_ENABLE, 0)
