"""Services between processes, and parameters over them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from rcl_interfaces.srv import GetParameters, ListParameters, SetParameters
from rclpy.parameter import Parameter
from std_srvs.srv import SetBool, Trigger

from tests.embedded.runtime import HUMBLE, STRING_HASH

Spin = Callable[[Callable[[], Any]], Any]

SERVER = """
import rclpy
from rclpy.executors import ExternalShutdownException
from std_msgs.msg import String
from std_srvs.srv import SetBool, Trigger

def plain(request, response):
    response.success, response.message = request.data, f'got {request.data}'
    return response

async def coroutine(request, response):
    response.success = True
    return response

rclpy.init()
node = rclpy.create_node('server')
node.declare_parameter('rate', 1.5)
node.create_publisher(String, '~/text', 10)
node.create_service(SetBool, '~/plain', plain)
node.create_service(Trigger, '~/coroutine', coroutine)
try:
    rclpy.spin(node)
except ExternalShutdownException:
    print('ended')
"""


def call(node: Any, spin: Spin, kind: Any, name: str, request: Any) -> Any:
    client = node.create_client(kind, name)
    assert client.wait_for_service(10)
    future = client.call_async(request)
    spin(future.done)
    node.destroy_client(client)
    return future.result()


def test_services_of_another_process(node: Any, spin: Spin, process: Any) -> None:
    child = process(SERVER)
    for value in (True, False):
        response = call(node, spin, SetBool, '/server/plain', SetBool.Request(data=value))
        assert response == SetBool.Response(success=value, message=f'got {value}')
    assert call(node, spin, Trigger, '/server/coroutine', Trigger.Request()).success
    names = call(node, spin, ListParameters, '/server/list_parameters', ListParameters.Request())
    builtin = set() if HUMBLE else {'start_type_description_service'}
    assert set(names.result.names) == {'rate', 'use_sim_time'} | builtin
    new = Parameter('rate', value=2.5).to_parameter_msg()
    results = call(
        node, spin, SetParameters, '/server/set_parameters', SetParameters.Request(parameters=[new])
    )
    assert results.results[0].successful
    wrong = Parameter('rate', value='fast').to_parameter_msg()
    results = call(
        node,
        spin,
        SetParameters,
        '/server/set_parameters',
        SetParameters.Request(parameters=[wrong]),
    )
    assert 'Wrong parameter type' in results.results[0].reason
    values = call(
        node, spin, GetParameters, '/server/get_parameters', GetParameters.Request(names=['rate'])
    )
    assert values.values[0].double_value == 2.5
    assert ('/server/plain', ['std_srvs/srv/SetBool']) in node.get_service_names_and_types()
    assert ('/server/plain', ['std_srvs/srv/SetBool']) in node.get_service_names_and_types_by_node(
        'server', '/'
    )
    child.terminate()
    assert child.communicate(timeout=10)[0] == 'ended\n'


@pytest.mark.skipif(HUMBLE, reason='since Iron')
def test_types_are_described(node: Any, spin: Spin, process: Any) -> None:
    from type_description_interfaces.srv import GetTypeDescription

    process(SERVER)
    name, service = 'std_msgs/msg/String', '/server/get_type_description'
    request = GetTypeDescription.Request(type_name=name, type_hash=STRING_HASH)
    assert request.include_type_sources
    response = call(node, spin, GetTypeDescription, service, request)
    assert response.successful, response.failure_reason
    described = response.type_description.type_description
    assert described.type_name == name
    assert [(field.name, field.type.type_id) for field in described.fields] == [('data', 17)]
    assert not response.type_description.referenced_type_descriptions
    request = GetTypeDescription.Request(type_name='no/msg/Such', type_hash=STRING_HASH)
    response = call(node, spin, GetTypeDescription, service, request)
    assert not response.successful and response.failure_reason


def test_missing_service(node: Any) -> None:
    client = node.create_client(Trigger, '/nowhere')
    assert not client.wait_for_service(0.05)
    with pytest.raises(TypeError):
        client.call_async(SetBool.Request())
    future = client.call_async(Trigger.Request())
    client.remove_pending_request(future)
    assert not future.done()
