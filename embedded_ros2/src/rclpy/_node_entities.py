"""The entities of a node and the executor that serves them; a part of Node."""

from __future__ import annotations

import threading
import weakref
from typing import Any, TypeVar

from rclpy._executor import Executor
from rclpy._graph import NodeEntities
from rclpy._waitable import Waitable
from rclpy.client import Client
from rclpy.context import Context
from rclpy.guard_condition import GuardCondition
from rclpy.publisher import Publisher
from rclpy.service import Service
from rclpy.subscription import Subscription
from rclpy.timer import Rate, Timer

_EntityT = TypeVar('_EntityT')


class NodeEntityList:
    """Publishers, subscriptions, services, clients, timers and guard conditions."""

    context: Context
    _graph_node: NodeEntities

    def _init_entities(self) -> None:
        self._executor: weakref.ReferenceType[Executor] | None = None
        self._entities: list[Any] = []
        self._entity_lock = threading.RLock()

    def _of_kind(self, kind: type[_EntityT]) -> list[_EntityT]:
        return [entity for entity in self._entities if isinstance(entity, kind)]

    @property
    def publishers(self) -> Any:
        """Publishers of the node."""
        return iter(self._of_kind(Publisher))

    @property
    def subscriptions(self) -> Any:
        """Subscriptions of the node."""
        return iter(self._of_kind(Subscription))

    @property
    def clients(self) -> Any:
        """Clients of the node."""
        return iter(self._of_kind(Client))

    @property
    def services(self) -> Any:
        """Services of the node."""
        return iter(self._of_kind(Service))

    @property
    def timers(self) -> Any:
        """Timers of the node."""
        return iter(self._of_kind(Timer))

    @property
    def guards(self) -> Any:
        """Guard conditions of the node."""
        return iter(self._of_kind(GuardCondition))

    def waitables(self) -> list[Waitable]:
        """Return everything an executor must look after."""
        with self._entity_lock:
            handlers = [h for e in self._entities for h in getattr(e, 'event_handlers', ())]
            return [e for e in self._entities if isinstance(e, Waitable)] + handlers

    @property
    def executor(self) -> Executor | None:
        """The executor that runs the callbacks of the node."""
        return self._executor() if self._executor else None

    @executor.setter
    def executor(self, new_executor: Executor | None) -> None:
        previous = self.executor
        if previous is new_executor:
            return
        self._executor = weakref.ref(new_executor) if new_executor is not None else None
        if previous is not None:
            previous.remove_node(self)  # type: ignore[arg-type]
        if new_executor is not None:
            new_executor.add_node(self)  # type: ignore[arg-type]

    def _add(self, entity: Any, *endpoints: Any) -> None:
        with self._entity_lock:
            self._entities = [*self._entities, entity]
        if endpoints:
            self.context.graph.update(self._graph_node, add=endpoints)
        if isinstance(entity, Waitable):
            entity.notify()

    def forget(self, entity: Any) -> bool:
        """Drop an entity from the node; return whether it was there."""
        with self._entity_lock:
            if entity not in self._entities:
                return False
            self._entities = [other for other in self._entities if other is not entity]
            return True

    # Destruction

    def _destroy(self, entity: Any, *endpoints: Any) -> bool:
        if not self.forget(entity):
            return False
        for handler in getattr(entity, 'event_handlers', ()):
            handler.destroy()
        if endpoints:
            self.context.graph.update(self._graph_node, remove=endpoints)
        entity.destroy()
        return True

    def destroy_publisher(self, publisher: Publisher) -> bool:
        """End a publisher; return False if it is not one of this node."""
        return self._destroy(publisher, publisher.writer)

    def destroy_subscription(self, subscription: Subscription) -> bool:
        """End a subscription; return False if it is not one of this node."""
        return self._destroy(subscription, subscription.reader)

    def destroy_client(self, client: Client) -> bool:
        """End a client; return False if it is not one of this node."""
        return self._destroy(client, client.reader, client.writer)

    def destroy_service(self, service: Service) -> bool:
        """End a service; return False if it is not one of this node."""
        return self._destroy(service, service.reader, service.writer)

    def destroy_timer(self, timer: Timer) -> bool:
        """End a timer; return False if it is not one of this node."""
        return self._destroy(timer)

    def destroy_guard_condition(self, guard: GuardCondition) -> bool:
        """End a guard condition; return False if it is not one of this node."""
        return self._destroy(guard)

    def destroy_rate(self, rate: Rate) -> bool:
        """End a rate."""
        rate.destroy()
        return True
