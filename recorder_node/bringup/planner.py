"""The parts of a session, checked before the first node exists.

A launch file makes a `Planner`, adds the parts that it needs in order, and gets the nodes, or every
problem at once. Nothing is written.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from recorder_node.bringup.arguments import (
    ARM_ARGUMENTS,
    FOLLOWER_ARGUMENTS,
    LEADER_ARGUMENTS,
    LaunchConfig,
    unknown_arguments,
)
from recorder_node.bringup.camera_plan import camera_nodes
from recorder_node.bringup.node_plan import NodePlan, Problems, absolute, values_of
from recorder_node.bringup.recording_checks import check_recording, root_problems, unfilled_fields
from recorder_node.contract import contract_file
from recorder_node.contract.contract import Contract
from recorder_node.session.config import RecorderConfig
from so101_driver.arm import calibration
from so101_driver.arm.arm_config import FollowerConfig, LeaderConfig
from so101_driver.common.parameters import TRUE_WORDS, Parameter, build, table
from so101_driver.simulator import fault_spec
from so101_driver.simulator.motion_file import load_motions

T = TypeVar('T')
_SIM_PORT_WAIT_S = 30.0
_DEFAULT_CONTRACT = 'so101.yaml'
_ARMS = {'follower': FollowerConfig, 'leader': LeaderConfig}


class Planner:
    """Collects nodes and problems.

    Args:
        given: the launch arguments as text, defaults included.
        share: the package's share folder with config/.
        known: the arguments that there are.
        top_level: refuse unknown arguments; they may belong to others when included.

    Raises:
        ConfigError: when the arguments that belong to no single node are wrong.
    """

    def __init__(
        self,
        given: Mapping[str, str],
        share: Path,
        known: Mapping[str, Parameter],
        top_level: bool = True,
    ) -> None:
        self.share = share
        self.nodes: list[NodePlan] = []
        self.problems = Problems(unknown_arguments(given, known) if top_level else [])
        self.given = {name: text for name, text in given.items() if name in known}
        launch = self.config_of(LaunchConfig)
        if launch is None:
            if given.get('record', 'true').lower() in TRUE_WORDS:
                self.config_of(RecorderConfig, contract='-', calibration='')
            self.problems.raise_if_any()
            raise AssertionError('a config that cannot be built has problems')
        self.launch = launch
        self.sim = launch.hardware == 'sim'
        self.contract_path = _contract_path(launch.contract, share / 'config')
        self.contract: Contract | None = self.problems.of(
            lambda: contract_file.load(self.contract_path)
        )
        self.recorder: RecorderConfig | None = None

    def config_of(self, config: type[T], **fixed: Any) -> T | None:
        """Build a node's config from the arguments and what is fixed."""
        values = {name: self.given[name] for name in table(config) if name in self.given}
        return self.problems.of(lambda: build(config, {**values, **fixed}))

    @property
    def calibration(self) -> str:
        """The follower's calibration file, once the arms are planned; '' when there are several."""
        followers = [node for node in self.nodes if node.executable == 'follower']
        return str(followers[0].parameters['calibration']) if len(followers) == 1 else ''

    def add_arms(self, roles: Sequence[str], **follower: Any) -> None:
        """Plan arms, and the simulator behind them; `follower` are further parameters of it."""
        # One simulated bench per launch: two sessions on one machine do not meet.
        bench = Path(tempfile.gettempdir()) / f'so101_sim_{os.getpid()}'
        ports: dict[str, Any] = {}
        for role in _ARMS:
            port = getattr(self.launch, f'{role}_port')
            if self.sim:
                port = port or str(bench / role)
            file = self._named_calibration(role)
            if role in roles:
                file = self.find_calibration(role)
                self._add_arm(role, port, file, follower if role == 'follower' else {})
            ports.update({f'{role}_port': port, f'{role}_calibration': file})
        if self.sim:
            self._add_simulator(ports)

    def find_calibration(self, role: str) -> str:
        """Return an arm's calibration file, checked; when there is none, that is a problem."""
        arm_id, file = getattr(self.launch, f'{role}_id'), self._named_calibration(role)
        if not arm_id and not file:
            self.problems.append(
                f'{role}_id is missing; give the id it was calibrated with, or '
                f'{role}_calibration:=FILE'
            )
            return ''
        model = self.given.get('arm_model', calibration.SO101)
        found = self.problems.of(partial(calibration.find, role, arm_id, file, model))
        return found.source if found else file

    def _named_calibration(self, role: str) -> str:
        file: str = getattr(self.launch, f'{role}_calibration')
        folder = getattr(self.launch, f'{role}_calibration_dir')
        if folder and not file:
            arm_id = getattr(self.launch, f'{role}_id')
            file = str(Path(absolute(folder)) / f'{arm_id}.json') if arm_id else ''
        if self.sim:
            return file or str(self.share / 'config' / 'sim' / f'{role}.json')
        return file

    def _add_arm(self, role: str, port: str, file: str, extra: Mapping[str, Any]) -> None:
        if not self.sim:
            self.problems += _port_problems(role, port)
        arm_id = getattr(self.launch, f'{role}_id')
        wait_s = _SIM_PORT_WAIT_S if self.sim else 0.0
        parameters: dict[str, Any] = {
            'port': port,
            'id': arm_id,
            'calibration': file,
            'port_wait_s': wait_s,
            'write_calibration': self.launch.write_calibration,
            'disable_torque_on_disconnect': self.launch.disable_torque_on_disconnect,
            **extra,
        }
        # What is missing has been said already.
        named = {'port': port or '-', 'id': arm_id or ('' if file else '-')}
        filled: Any = self.config_of(_ARMS[role], **{**parameters, **named})
        if filled is not None:
            own = FOLLOWER_ARGUMENTS if role == 'follower' else LEADER_ARGUMENTS
            parameters.update({name: getattr(filled, name) for name in (*ARM_ARGUMENTS, *own)})
        if role == 'follower' and filled is not None:
            # The unit of max_relative_target is that of the dataset.
            parameters['units'] = filled.units
        self.nodes.append(NodePlan(role, parameters, role))

    def _add_simulator(self, ports: Mapping[str, Any]) -> None:
        parameters = {
            **ports,
            'seed': self.launch.seed,
            'motion_file': absolute(self.launch.leader_motion),
            'motion_units': self.launch.leader_motion_units,
            'episode_motion': self.launch.record,
            # Teaching begins with the arm where the operator's hand is.
            'follower_pose': 'start',
            'faults': self.launch.sim_faults,
        }
        self.nodes.append(NodePlan('simulator', parameters, 'simulator'))
        self._check_motion(str(ports['follower_calibration']))
        if self.launch.sim_faults:
            self.problems.of(lambda: self._check_faults(ports))

    def _check_faults(self, ports: Mapping[str, Any]) -> None:
        files = {role: str(ports[f'{role}_calibration']) for role in _ARMS}
        ids = {role: calibration.load(file).ids for role, file in files.items()}
        fault_spec.parse(self.launch.sim_faults, ids)

    def _check_motion(self, file: str) -> None:
        """Read the whole motion: a row without numbers is better found now than in episode 7."""
        path = Path(absolute(self.launch.leader_motion))
        if not self.launch.leader_motion:
            return
        if not path.is_file():
            self.problems.append(f'leader_motion {self.launch.leader_motion}: no such file')
            return
        arm = self.problems.of(lambda: calibration.load(file))
        if arm is not None:
            units = self.launch.leader_motion_units
            self.problems.of(lambda: load_motions(str(path), units, arm))

    def add_recording(self, **fixed: Any) -> None:
        """Check the recorder's parameters; `fixed` are those that the launch file sets."""
        self.recorder = self.config_of(
            RecorderConfig, contract=str(self.contract_path), calibration=self.calibration, **fixed
        )
        # What spans several parameters is told by the recorder's own only when each is right.
        self.problems += [p for p in root_problems(self.given) if p not in self.problems]
        names = None if self.recorder is None else self.recorder.camera_names
        contract = self.contract
        if contract is not None and names is not None:
            self.contract = self.problems.of(lambda: contract.with_cameras(names))

    def add_cameras(self, **fixed: Any) -> None:
        """Plan the cameras of the contract that are ours; `fixed` are parameters of them all."""
        if self.contract is not None:
            nodes = camera_nodes(
                self.launch, self.share, self.contract, self.recorder, self.problems
            )
            self.nodes += [n._replace(parameters={**fixed, **n.parameters}) for n in nodes]

    def add_recorder(self) -> None:
        """Plan the recorder, and the console beside it."""
        if self.recorder is None:
            return
        if self.contract is not None:
            check_recording(self.contract, self.recorder, self.problems)
            self.problems += unfilled_fields(self.contract, self.nodes)
        self.nodes.append(NodePlan('recorder', values_of(self.recorder), 'recorder'))
        if self.launch.console:
            self.nodes.append(NodePlan('console', {}, 'console', needed=False))

    def finish(self) -> list[NodePlan]:
        """Return the nodes to start.

        Raises:
            ConfigError: with every problem.
        """
        self.problems.raise_if_any()
        return self.nodes


def _contract_path(given: str, own: Path) -> Path:
    """Return the file named, else that of the package."""
    path = Path(given or _DEFAULT_CONTRACT).expanduser()
    is_own = len(path.parts) == 1 and not (given and path.exists()) and (own / path).is_file()
    return own / path if is_own else path.absolute()


def _port_problems(role: str, port: str) -> list[str]:
    found = []
    if not port:
        found.append(f'{role}_port is missing; give {role}_port:=/dev/... or hardware:=sim')
    elif not Path(port).exists():
        found.append(f'{role}_port {port} does not exist; is the arm plugged in and powered?')
    elif not os.access(port, os.R_OK | os.W_OK):
        found.append(
            f'{role}_port {port}: permission denied; add yourself to the group dialout '
            'and log in again'
        )
    return found
