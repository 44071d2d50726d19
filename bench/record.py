"""End-to-end recording with simulated arms and cameras: losses, ages, CPU, memory, save latency.

`python -m bench.record --cameras 2 --fps 30 --seconds 20 [--camera-source noise] [--json]`

With `--lerobot PYTHON`, a Python that has lerobot 0.4.4 or later, lerobot's own streaming encoder
gets the same frames in turn, without robot and transport.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from bench.noise import write_video

REPOSITORY = Path(__file__).resolve().parents[1]
CAMERA_PERIODS = 1.5
START_TIMEOUT_S = 60.0
_NOISE_FRAMES = 240
_TICKS_PER_S = os.sysconf('SC_CLK_TCK')


def write_setup(folder: Path, cameras: int, fps: int) -> dict[str, Path]:
    """Write a contract and a cameras file for any number of cameras."""
    contract = yaml.safe_load((REPOSITORY / 'config' / 'so101.yaml').read_text())
    features = contract['features']
    template = features.pop('observation.images.front')
    del features['observation.images.wrist']
    modes = {}
    for number in range(cameras):
        name = f'cam{number}'
        features[f'observation.images.{name}'] = {
            **template,
            'topic': f'/cameras/{name}/image_raw',
            'rate_hz': fps,
        }
        view = 'wrist' if number % 2 else 'front'
        modes[name] = {'width': 640, 'height': 480, 'fps': fps, 'view': view}
    paths = {'contract': folder / 'contract.yaml', 'cameras_file': folder / 'cameras.yaml'}
    paths['contract'].write_text(yaml.safe_dump(contract, sort_keys=False))
    paths['cameras_file'].write_text(yaml.safe_dump(modes))
    return paths


@contextlib.contextmanager
def launched(folder: Path, arguments: dict[str, object]) -> Iterator[Path]:
    """Run the launch file; yield its log."""
    log = folder / 'launch.log'
    words = [f'{name}:={value}' for name, value in arguments.items()]
    ros2 = Path(sys.executable).parent / 'ros2'
    with log.open('w') as output:
        process = subprocess.Popen(
            [str(ros2), 'launch', 'recorder', 'teleop_record.launch.py', *words],
            stdout=output,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )
    try:
        yield log
        process.wait(60.0)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGINT)
            process.wait(30.0)


def stolen_ticks() -> int:
    """Return what the host of a virtual machine kept of its processors so far."""
    return int(Path('/proc/stat').read_text().splitlines()[0].split()[8])


class Meter:
    """CPU seconds and peak resident memory of a process."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._begin = (time.monotonic(), self._cpu_s(), stolen_ticks())

    def _cpu_s(self) -> float:
        fields = Path(f'/proc/{self._pid}/stat').read_text().rsplit(')', 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / _TICKS_PER_S

    def read(self) -> dict[str, float]:
        """Return CPU per second since the beginning, memory in MiB, and stolen processors."""
        status = Path(f'/proc/{self._pid}/status').read_text()
        peak = re.search(r'VmHWM:\s+(\d+)', status)
        passed_s = time.monotonic() - self._begin[0]
        return {
            'cpu_s_per_s': round((self._cpu_s() - self._begin[1]) / passed_s, 3),
            'rss_peak_mib': round(int(peak[1]) / 1024, 1) if peak else 0.0,
            'stolen_by_host': round((stolen_ticks() - self._begin[2]) / _TICKS_PER_S / passed_s, 3),
        }


class Operator:
    """Calls the recorder's services and measures how long the replies take."""

    def __init__(self) -> None:
        import rclpy
        from diagnostic_msgs.msg import DiagnosticArray
        from std_srvs.srv import Trigger

        self._rclpy = rclpy
        self._request = Trigger.Request
        rclpy.init()
        self._node = rclpy.create_node('bench')
        self.arm: dict[str, str] = {}
        self._node.create_subscription(DiagnosticArray, '/diagnostics', self._on_diagnostics, 10)
        self._clients = {
            word: self._node.create_client(Trigger, f'/recorder/{word}')
            for word in ('start_episode', 'save_episode', 'finish')
        }
        self._spinner = threading.Thread(target=rclpy.spin, args=(self._node,), daemon=True)
        self._spinner.start()

    def _on_diagnostics(self, message: Any) -> None:
        for status in message.status:
            if status.name == 'follower: arm':
                self.arm = {pair.key: pair.value for pair in status.values}

    def call(self, word: str) -> tuple[Any, float]:
        """Return the reply and the seconds until it came."""
        client = self._clients[word]
        if not client.wait_for_service(timeout_sec=START_TIMEOUT_S):
            raise SystemExit('the recorder did not start')
        begin = time.monotonic()
        future = client.call_async(self._request())
        while not future.done():
            if time.monotonic() - begin > START_TIMEOUT_S:
                raise SystemExit(f'no reply to {word}')
            time.sleep(0.0005)
        return future.result(), time.monotonic() - begin

    def start(self) -> float:
        """Start an episode as soon as the recorder allows it; return the reply's latency."""
        end = time.monotonic() + START_TIMEOUT_S
        while True:
            reply, latency_s = self.call('start_episode')
            if reply.success:
                return latency_s
            if time.monotonic() > end:
                raise SystemExit(reply.message)
            time.sleep(0.2)

    def close(self) -> None:
        """Leave the graph."""
        self._rclpy.try_shutdown()
        self._spinner.join(5.0)


def measure(options: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """Record the episodes and return every figure."""
    paths = write_setup(folder, options.cameras, options.fps)
    root = folder / 'dataset'
    arguments: dict[str, object] = {
        'hardware': 'sim', 'repo_id': 'bench/record', 'single_task': 'bench', 'root': root,
        'fps': options.fps, 'start': 'manual', 'num_episodes': options.episodes + 1,
        'episode_time_s': 1000, 'reset_time_s': 900, 'vcodec': options.vcodec, **paths,
    }  # fmt: skip
    if options.camera_source == 'noise':
        arguments['camera_source'] = noise_video(folder)
    elif options.camera_source:
        arguments['camera_source'] = Path(options.camera_source).absolute()
    saves, starts = [], []
    with launched(folder, arguments) as log:
        operator = Operator()
        starts.append(operator.start())
        before = dict(operator.arm)
        pid = int(re.findall(r'\[recorder-\d+\]: process started with pid \[(\d+)\]',
                             log.read_text())[-1])  # fmt: skip
        meter = Meter(pid)
        for episode in range(options.episodes):
            if episode:
                starts.append(operator.start())
            time.sleep(options.seconds)
            reply, latency_s = operator.call('save_episode')
            if not reply.success:
                raise SystemExit(reply.message)
            saves.append(round(latency_s, 4))
        usage = meter.read()
        cycles = control(before, operator.arm)
        operator.call('finish')
        operator.close()
    reports = [json.loads(line) for line in (root / 'recorder/episodes.jsonl').open()]
    return {**summary(options, reports, saves, starts, usage), 'follower': cycles}


def control(before: dict[str, str], after: dict[str, str]) -> dict[str, Any]:
    """Return how the follower's 100 Hz loop did meanwhile."""
    counted = {
        key: int(after.get(key, 0)) - int(before.get(key, 0))
        for key in ('cycles', 'bad_cycles', 'skipped_cycles')
    }
    return {**counted, 'longest_cycle_ms': float(after.get('longest_cycle_ms', 0))}


def summary(
    options: argparse.Namespace,
    reports: list[dict[str, Any]],
    saves: list[float],
    starts: list[float],
    usage: dict[str, float],
) -> dict[str, Any]:
    """Reduce the episodes' reports to what the user asks."""
    streams = [(key, s) for report in reports for key, s in report['streams'].items()]
    images = [s for key, s in streams if 'images' in key]
    return {
        'cameras': options.cameras,
        'fps': options.fps,
        'episodes': len(reports),
        'rows': [report['rows'] for report in reports],
        'row_rate_hz': [report['rate_hz'] for report in reports],
        'lost': sum(s['lost'] for _, s in streams),
        'stale_rows': sum(s['stale'] for _, s in streams),
        'image_repeats': sum(s['repeats'] for s in images),
        'image_age_ms_p99': max((s['age_ms_p99'] for s in images), default=0.0),
        'image_age_ms_limit': round(CAMERA_PERIODS * 1000 / options.fps, 1),
        'image_lag_ms_p99': max((s['lag_ms_p99'] for s in images), default=0.0),
        'skew_ms_p99': max(report['skew_ms_p99'] for report in reports),
        'spilled_frames': sum(report['spilled_frames'] for report in reports),
        'save_s': saves,
        'start_s': [round(s, 4) for s in starts],
        'recorder': usage,
    }


def noise_video(folder: Path) -> Path:
    """Return a video with the noise of a sensor."""
    path = folder / 'noise.mp4'
    if not path.exists():
        write_video(path, _NOISE_FRAMES)
    return path


def measure_lerobot(options: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """Return what lerobot's streaming encoder costs for the same frames."""
    vcodec = 'h264' if options.vcodec == 'auto' else options.vcodec
    source = options.camera_source
    video = Path(source) if source not in ('', 'noise') else noise_video(folder)
    script = str(Path(__file__).with_name('lerobot_encoder.py'))
    words = [str(video), str(options.cameras), str(options.seconds), vcodec]
    run = subprocess.run(
        [options.lerobot, script, *words], capture_output=True, text=True, check=True
    )
    result: dict[str, Any] = json.loads(run.stdout.splitlines()[-1])
    return result


def main() -> int:
    """Run the benchmark; return 1 when a row or a frame was lost."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--cameras', type=int, default=2)
    parser.add_argument('--fps', type=int, default=30)
    parser.add_argument('--seconds', type=float, default=20.0, help='length of an episode')
    parser.add_argument('--episodes', type=int, default=2)
    parser.add_argument('--vcodec', default='auto')
    parser.add_argument(
        '--camera-source', default='', help='noise, or a video file; default the simulated scene'
    )
    parser.add_argument('--lerobot', default='', help='a Python with lerobot, to compare')
    parser.add_argument('--json', action='store_true')
    options = parser.parse_args()
    os.environ.setdefault('ROS_DOMAIN_ID', str(1 + os.getpid() % 100))
    if options.camera_source in ('scene', 'coded'):
        raise SystemExit('give a video file, or nothing for the simulated scene')
    with tempfile.TemporaryDirectory() as folder:
        result = measure(options, Path(folder))
        if options.lerobot:
            result['lerobot'] = measure_lerobot(options, Path(folder))
    if options.json:
        print(json.dumps(result))
    else:
        for name, value in result.items():
            print(f'{name:20} {value}')
    return 1 if result['lost'] or result['spilled_frames'] else 0


if __name__ == '__main__':
    sys.exit(main())
