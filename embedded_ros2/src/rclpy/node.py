"""Nodes."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

from rcl_interfaces.msg import Log, ParameterDescriptor, ParameterEvent
from rclpy import _arguments, logging
from rclpy._dds_qos import to_dds
from rclpy._names import check_node_name, expand, join
from rclpy._node_entities import NodeEntityList
from rclpy._node_graph import NodeGraph
from rclpy._node_parameters import NodeParameters
from rclpy._node_services import NodeServices
from rclpy._participant import DATA
from rclpy.callback_groups import CallbackGroup, MutuallyExclusiveCallbackGroup
from rclpy.clock import Clock, ROSClock
from rclpy.context import Context
from rclpy.event_handler import PublisherEventCallbacks, SubscriptionEventCallbacks
from rclpy.exceptions import (
    InvalidServiceNameException,
    InvalidTopicNameException,
    NotInitializedException,
    NoTypeSupportImportedException,
)
from rclpy.guard_condition import GuardCondition
from rclpy.parameter import Parameter, as_parameters
from rclpy.parameter_service import ParameterService
from rclpy.publisher import Publisher
from rclpy.qos import (
    QoSProfile,
    _rosout_default,
    as_profile,
    qos_profile_parameter_events,
)
from rclpy.subscription import Subscription
from rclpy.time_source import TimeSource
from rclpy.timer import Rate, Timer
from rclpy.type_description_service import TypeDescriptionService
from rclpy.utilities import get_default_context
from rclpy.validate_namespace import validate_namespace
from rosidl_embedded.definitions import distribution, type_hash
from rosidl_embedded.message import Message

HIDDEN_NODE_PREFIX = '_'


class Node(NodeEntityList, NodeParameters, NodeGraph, NodeServices):
    """A node: publishers, subscriptions, services, clients, timers and parameters."""

    PARAM_REL_TOL = 1e-6

    def __init__(
        self,
        node_name: str,
        *,
        context: Context | None = None,
        cli_args: Sequence[str] | None = None,
        namespace: str | None = None,
        use_global_arguments: bool = True,
        enable_rosout: bool | QoSProfile = True,
        rosout_qos_profile: QoSProfile | int = _rosout_default,
        start_parameter_services: bool = True,
        parameter_overrides: list[Parameter] | None = None,
        allow_undeclared_parameters: bool = False,
        automatically_declare_parameters_from_overrides: bool = False,
        enable_logger_service: bool = False,
    ) -> None:
        if enable_logger_service:
            raise NotImplementedError('Node(enable_logger_service=True)')
        self.context = context or get_default_context()
        if not self.context.ok():
            raise NotInitializedException('cannot create node')
        self._init_names(node_name, namespace, cli_args, use_global_arguments)
        self._init_entities()
        self._destroyed = False
        self._default_callback_group = MutuallyExclusiveCallbackGroup()
        self._logger = logging.get_logger(join(self._namespace, self._name)[1:].replace('/', '.'))
        self._clock = ROSClock()
        self._init_parameters()
        self._allow_undeclared = allow_undeclared_parameters
        self._graph_node = self.context.graph.add_node(self._namespace, self._name)
        self.context.track_node(self)
        self._rosout: Publisher | None = None
        if enable_rosout and self.context.arguments.rosout is not False:
            self._rosout = self.create_publisher(Log, '/rosout', rosout_qos_profile)
            logging.add_sink(self._logger.name, self._publish_log)
        self._parameter_events = self.create_publisher(
            ParameterEvent, '/parameter_events', qos_profile_parameter_events
        )
        self._overrides = self._find_overrides(parameter_overrides)
        if automatically_declare_parameters_from_overrides:
            self.declare_parameters(
                '',
                [
                    (name, parameter.value, ParameterDescriptor(dynamic_typing=True))
                    for name, parameter in self._overrides.items()
                ],
            )
        self._time_source = TimeSource(self, self._clock)
        if start_parameter_services:
            self._parameter_service = ParameterService(self)
        if distribution() != 'humble':
            self._type_description_service = TypeDescriptionService(self)

    def _init_names(
        self,
        node_name: str,
        namespace: str | None,
        cli_args: Sequence[str] | None,
        use_global_arguments: bool,
    ) -> None:
        sources = [_arguments.parse(list(cli_args))] if cli_args else []
        if use_global_arguments:
            sources.append(self.context.arguments)
        self._arguments = sources
        check_node_name(node_name)
        self._name: str = next(
            (new for s in sources if (new := s.node_name(node_name)) != node_name), node_name
        )
        check_node_name(self._name)
        space: str = next(
            (new for s in sources if (new := s.node_namespace(node_name)) is not None),
            namespace or '/',
        )
        self._namespace = space if space.startswith('/') else f'/{space}'
        validate_namespace(self._namespace)

    def _find_overrides(self, given: list[Parameter] | None) -> dict[str, Parameter]:
        values: dict[str, Any] = {}
        for source in reversed(self._arguments):
            values.update(source.overrides(self._name, self._namespace))
        overrides = as_parameters(values)
        overrides.update({parameter.name: parameter for parameter in given or []})
        return overrides

    # Identity

    def get_name(self) -> str:
        """Return the name."""
        return self._name

    def get_namespace(self) -> str:
        """Return the namespace."""
        return self._namespace

    def get_fully_qualified_name(self) -> str:
        """Return namespace and name."""
        return join(self._namespace, self._name)

    def get_logger(self) -> logging.RcutilsLogger:
        """Return the logger of the node."""
        return self._logger

    def get_clock(self) -> ROSClock:
        """Return the clock of the node."""
        return self._clock

    @property
    def handle(self) -> Node:
        """The node itself: there is no C object."""
        return self

    @property
    def default_callback_group(self) -> CallbackGroup:
        """The group of entities that are given none: mutually exclusive."""
        return self._default_callback_group

    # Names

    def resolve_topic_name(self, topic: str, *, only_expand: bool = False) -> str:
        """Return the full name of a topic, remapped unless only_expand."""
        return self._resolve(topic, only_expand, False)

    def resolve_service_name(self, service: str, *, only_expand: bool = False) -> str:
        """Return the full name of a service, remapped unless only_expand."""
        return self._resolve(service, only_expand, True)

    def _resolve(self, name: str, only_expand: bool, is_service: bool) -> str:
        error = InvalidServiceNameException if is_service else InvalidTopicNameException
        full = expand(name, self._name, self._namespace, error)
        if only_expand:
            return full
        remapped = (s.remap(full, self._name, self._namespace, is_service) for s in self._arguments)
        return next((new for new in remapped if new is not None), full)

    # Topics

    def create_publisher(
        self,
        msg_type: Any,
        topic: str,
        qos_profile: QoSProfile | int,
        *,
        callback_group: CallbackGroup | None = None,
        event_callbacks: PublisherEventCallbacks | None = None,
        qos_overriding_options: Any = None,
        publisher_class: type[Publisher] = Publisher,
    ) -> Publisher:
        """Create a publisher; an integer QoS is the depth of a reliable, volatile one."""
        _refuse('qos_overriding_options', qos_overriding_options)
        _require_message(msg_type)
        profile, name = as_profile(qos_profile), self.resolve_topic_name(topic)
        events = (event_callbacks or PublisherEventCallbacks()).handlers(
            self, callback_group or self.default_callback_group, name
        )

        def notify(bits: int) -> None:
            for handler in events:
                handler.notify()

        writer = self.context.participant.create_writer(
            f'rt{name}', msg_type.TYPE_NAME, to_dds(profile, type_hash(msg_type.TYPE_NAME))
        )
        for handler in events:
            handler.endpoint = writer
        publisher = publisher_class(writer, msg_type, name, profile, self, events)
        self._add(publisher, writer)
        self.context.participant.listen(writer, notify)
        return publisher

    def create_subscription(
        self,
        msg_type: Any,
        topic: str,
        callback: Callable[..., Any],
        qos_profile: QoSProfile | int,
        *,
        callback_group: CallbackGroup | None = None,
        event_callbacks: SubscriptionEventCallbacks | None = None,
        qos_overriding_options: Any = None,
        raw: bool = False,
        content_filter_options: Any = None,
    ) -> Subscription:
        """Create a subscription; the callback gets (message) or (message, info)."""
        _refuse('qos_overriding_options', qos_overriding_options)
        _refuse('content_filter_options', content_filter_options)
        _require_message(msg_type)
        group = callback_group or self.default_callback_group
        profile, name = as_profile(qos_profile), self.resolve_topic_name(topic)
        events = (event_callbacks or SubscriptionEventCallbacks()).handlers(self, group, name)
        subscription = Subscription(msg_type, name, callback, group, profile, raw, self, events)

        def notify(bits: int) -> None:
            if bits & DATA:
                subscription.notify()
            if bits & ~DATA:
                for handler in events:
                    handler.notify()

        subscription.reader = reader = self.context.participant.create_reader(
            f'rt{name}', msg_type.TYPE_NAME, to_dds(profile, type_hash(msg_type.TYPE_NAME))
        )
        for handler in events:
            handler.endpoint = reader
        self._add(subscription, reader)
        self.context.participant.listen(reader, notify)
        return subscription

    # Timers and guard conditions

    def create_timer(
        self,
        timer_period_sec: float,
        callback: Callable[..., Any] | None,
        callback_group: CallbackGroup | None = None,
        clock: Clock | None = None,
        autostart: bool = True,
    ) -> Timer:
        """Create a timer that calls back every timer_period_sec seconds."""
        timer = Timer(
            callback or (lambda: None),
            callback_group or self.default_callback_group,
            int(float(timer_period_sec) * 1e9),
            clock or self._clock,
            autostart=autostart,
            node=self,
        )
        self._add(timer)
        return timer

    def create_rate(self, frequency: float, clock: Clock | None = None) -> Rate:
        """Create a rate; another thread must spin the node."""
        if frequency <= 0:
            raise ValueError('frequency must be > 0')
        group = MutuallyExclusiveCallbackGroup()
        return Rate(self.create_timer(1.0 / frequency, None, group, clock), context=self.context)

    def create_guard_condition(
        self,
        callback: Callable[[], Any],
        callback_group: CallbackGroup | None = None,
    ) -> GuardCondition:
        """Create a guard condition."""
        guard = GuardCondition(
            callback, callback_group or self.default_callback_group, self.context, self
        )
        self._add(guard)
        return guard

    # End

    def destroy_node(self) -> None:
        """End the node and everything it has; a second call does nothing."""
        with self._entity_lock:
            if self._destroyed:
                return
            self._destroyed = True
        self.executor = None
        logging.remove_sink(self._logger.name, self._publish_log)
        self._parameter_events = None
        self.context.graph.remove_node(self._graph_node)
        for entity in list(self._entities):
            for handler in getattr(entity, 'event_handlers', ()):
                handler.destroy()
            entity.destroy()
        self._entities = []
        self.context.forget_node(self)

    def _publish_log(self, record: Any) -> None:
        if self._rosout is None or not self.context.ok():
            return
        seconds, nanoseconds = divmod(record.time_ns, 1_000_000_000)
        message = Log(
            level=int(record.severity),
            name=record.name,
            msg=record.message,
            file=record.file,
            function=record.function,
            line=record.line,
        )
        message.stamp.sec, message.stamp.nanosec = seconds, nanoseconds
        self._rosout.publish(message)

    def wait_for_node(self, fully_qualified_node_name: str, timeout: float) -> bool:
        """Wait until a node is in the graph; return False on timeout."""
        deadline = time.monotonic() + timeout
        while fully_qualified_node_name not in self.get_fully_qualified_node_names():
            if time.monotonic() >= deadline or not self.context.ok():
                return False
            time.sleep(0.02)
        return True

    def __enter__(self) -> Node:
        return self

    def __exit__(self, *args: Any) -> None:
        self.destroy_node()


def _refuse(name: str, value: Any) -> None:
    if value is not None:
        raise NotImplementedError(name)


def _require_message(msg_type: Any) -> None:
    if not (isinstance(msg_type, type) and issubclass(msg_type, Message)):
        raise NoTypeSupportImportedException(f'{msg_type!r} is not a message type')
