"""Service definitions by full type name: request, a line of three dashes, response."""

from __future__ import annotations

SERVICES: dict[str, str] = {
    'std_srvs/srv/Empty': '---',
    'std_srvs/srv/SetBool': """
bool data
---
bool success
string message
""",
    'std_srvs/srv/Trigger': """
---
bool success
string message
""",
    'rcl_interfaces/srv/DescribeParameters': """
string[] names
---
rcl_interfaces/ParameterDescriptor[] descriptors
""",
    'rcl_interfaces/srv/GetParameterTypes': """
string[] names
---
uint8[] types
""",
    'rcl_interfaces/srv/GetParameters': """
string[] names
---
rcl_interfaces/ParameterValue[] values
""",
    'rcl_interfaces/srv/ListParameters': """
uint64 DEPTH_RECURSIVE=0
string[] prefixes
uint64 depth
---
rcl_interfaces/ListParametersResult result
""",
    'rcl_interfaces/srv/SetParameters': """
rcl_interfaces/Parameter[] parameters
---
rcl_interfaces/SetParametersResult[] results
""",
    'rcl_interfaces/srv/SetParametersAtomically': """
rcl_interfaces/Parameter[] parameters
---
rcl_interfaces/SetParametersResult result
""",
    'type_description_interfaces/srv/GetTypeDescription': """
string type_name
string type_hash
bool include_type_sources
---
bool successful
string failure_reason
type_description_interfaces/TypeDescription type_description
type_description_interfaces/TypeSource[] type_sources
type_description_interfaces/KeyValue[] extra_information
""",
    'diagnostic_msgs/srv/AddDiagnostics': """
string load_namespace
---
bool success
string message
""",
    'diagnostic_msgs/srv/SelfTest': """
---
string id
byte passed
diagnostic_msgs/DiagnosticStatus[] status
""",
    'sensor_msgs/srv/SetCameraInfo': """
sensor_msgs/CameraInfo camera_info
---
bool success
string status_message
""",
}
