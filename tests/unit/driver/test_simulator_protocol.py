"""Golden frames of the protocol: building, parsing and the simulator's answers, byte for byte."""

import time

import pytest

from so101_driver.bus.packets import StatusParser, frame
from so101_driver.bus.registers import Register, decode, encode, fault_names
from so101_driver.simulator.faults import FaultPlan
from so101_driver.simulator.protocol import RequestParser, Responder
from so101_driver.simulator.servo import ServoSetup, SimulatedServo


@pytest.fixture
def responder() -> Responder:
    now_ns = time.monotonic_ns()
    servos = {i: SimulatedServo(ServoSetup(i, start=2047), now_ns) for i in range(1, 7)}
    return Responder(servos, FaultPlan())


def exchange(responder: Responder, request: str) -> str:
    answers = [
        responder.answer(found, time.monotonic_ns())
        for found in RequestParser().feed(bytes.fromhex(request))
    ]
    return b''.join(answer.data for found in answers for answer in found).hex(' ').upper()


@pytest.mark.parametrize(
    ('request_frame', 'answer'),
    [
        ('FF FF 01 02 01 FB', 'FF FF 01 02 00 FC'),
        ('FF FF 01 04 02 03 02 F3', 'FF FF 01 04 00 09 03 EE'),
        ('FF FF 01 04 02 00 01 F7', 'FF FF 01 03 00 03 F8'),
        ('FF FF 01 04 02 01 01 F6', 'FF FF 01 03 00 0A F1'),
        ('FF FF 01 04 02 38 02 BE', 'FF FF 01 04 00 FF 07 F4'),
        ('FF FF 06 04 03 28 01 C9', 'FF FF 06 02 00 F7'),
        ('FF FF 01 04 03 37 00 C0', 'FF FF 01 02 00 FC'),
        ('FF FF 02 05 03 1F 71 09 5C', 'FF FF 02 02 00 FB'),
        ('FF FF 06 05 03 10 F4 01 EC', 'FF FF 06 02 00 F7'),
        ('FF FF FE 02 05 FA', ''),
        (
            'FF FF FE 16 83 2A 02 01 00 08 02 00 08 03 00 08 04 00 08 05 00 08 06 00 08 F7',
            '',
        ),
        (
            'FF FF FE 0A 82 38 02 01 02 03 04 05 06 26',
            ' '.join(f'FF FF 0{i} 04 00 FF 07 {0xF5 - i:02X}' for i in range(1, 7)),
        ),
        ('FF FF 01 02 01 FA', ''),
        ('FF FF 63 02 01 99', ''),
    ],
)
def test_golden_frames(responder: Responder, request_frame: str, answer: str) -> None:
    assert exchange(responder, request_frame) == answer


def test_broadcast_ping_and_overload(responder: Responder) -> None:
    answer = exchange(responder, 'FF FF FE 02 01 FE')
    assert answer.count('FF FF') == 6
    responder._servos[6].health.is_tripped = True
    assert exchange(responder, 'FF FF 06 04 02 38 02 B9') == 'FF FF 06 04 20 FF 07 CF'
    assert fault_names(0x21) == ['voltage', 'overload']


def test_registered_write_waits_for_action(responder: Responder) -> None:
    parked = frame(1, 0x04, bytes([42, 0x10, 0x08])).hex()
    assert exchange(responder, parked) == 'FF FF 01 02 00 FC'
    servo = responder._servos[1]
    assert servo.get(Register.ASYNC_WRITE_PENDING) == 1
    assert servo.get(Register.GOAL_POSITION) == 0
    exchange(responder, 'FF FF FE 02 05 FA')
    assert servo.get(Register.GOAL_POSITION) == 0x810


def test_requests_survive_garbage_and_pieces() -> None:
    parser = RequestParser()
    stream = bytes.fromhex('00 FF 12 FF FF FF 01 02 01 FB FF FF 01 02 01 00 FF FF 02 02 01 FA')
    found = [request for byte in stream for request in parser.feed(bytes([byte]))]
    assert [request.servo_id for request in found] == [1, 2]


def test_sign_magnitude_both_ways() -> None:
    assert encode(Register.HOMING_OFFSET, -369) == bytes.fromhex('7109')
    for register, limit in ((Register.HOMING_OFFSET, 2047), (Register.PRESENT_LOAD, 1023)):
        for value in (-limit, -1, 0, 1, limit):
            assert decode(register, encode(register, value)) == value
        with pytest.raises(ValueError, match='exceeds'):
            encode(register, limit + 1)


def test_parser_keeps_what_follows_damage() -> None:
    good = [frame(i, 0, bytes([i, 0])) for i in range(1, 7)]
    damaged = bytearray(b''.join(good))
    damaged[8 + 3] = 60  # the length of the second frame
    parser = StatusParser(range(1, 7), 2)
    for start in range(0, len(damaged), 5):
        parser.feed(bytes(damaged[start : start + 5]))
    assert sorted(parser.replies) == [1, 3, 4, 5, 6]
    assert parser.replies[6].data == bytes([6, 0])
    assert parser.damaged > 0


def test_echo_is_no_answer_but_a_voltage_fault_may_look_like_one() -> None:
    request = frame(1, 0x01)
    echoing = StatusParser([1], 0, request)
    echoing.feed(request + frame(1, 0))
    assert echoing.replies[1].error == 0
    faulty = StatusParser([1], 0, request)
    faulty.feed(frame(1, 0x01))
    assert not faulty.complete
    faulty.finish()
    assert faulty.replies[1].error == 1
