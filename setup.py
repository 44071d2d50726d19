"""Build of the ament_python package `recorder`."""

from pathlib import Path

from setuptools import find_packages, setup

HERE = Path(__file__).parent
PACKAGES = ('so101_driver', 'recorder_node', 'policy_node')


def data_files():
    """Return launch and config files with the folders they are installed into."""
    share = Path('share/recorder')
    folders = {}
    for top in ('launch', 'config'):
        for path in sorted((HERE / top).rglob('*')):
            if path.is_file() and '__pycache__' not in path.parts:
                relative = path.relative_to(HERE)
                folders.setdefault(str(share / relative.parent), []).append(str(relative))
    return [
        ('share/ament_index/resource_index/packages', ['resource/recorder']),
        (str(share), ['package.xml']),
        *folders.items(),
    ]


setup(
    name='recorder',
    version='0.1.0',
    packages=find_packages(include=[f'{name}{part}' for name in PACKAGES for part in ('', '.*')]),
    package_data={name: ['py.typed'] for name in PACKAGES},
    data_files=data_files(),
    install_requires=[
        'setuptools',
        'numpy',
        'pyarrow',
        'opencv-python-headless',
        'av>=15',
        'feetech-servo-sdk',
        'pyserial',
        'pyyaml',
        'huggingface_hub>=0.34',
    ],
    extras_require={
        'test': ['pytest', 'pytest-timeout', 'hypothesis', 'ruff', 'mypy'],
        'policy': ['torch>=2.4'],
    },
    python_requires='>=3.10',
    zip_safe=True,
    maintainer='recorder maintainers',
    maintainer_email='recorder@users.noreply.github.com',
    description='Teach robot arms by demonstration: ROS 2 topics to LeRobot datasets.',
    license='Apache-2.0',
    entry_points={
        'console_scripts': [
            'follower = so101_driver.executables:follower',
            'leader = so101_driver.executables:leader',
            'camera = so101_driver.executables:camera',
            'simulator = so101_driver.executables:simulator',
            'calibrate = so101_driver.tools.calibrate:main',
            'find_port = so101_driver.tools.find_port:main',
            'find_cameras = so101_driver.tools.find_cameras:main',
            'setup_motors = so101_driver.tools.setup_motors:main',
            'recorder = recorder_node.executables:recorder',
            'console = recorder_node.executables:console',
            'validate = recorder_node.cli.validate:main',
            'recover = recorder_node.cli.recover:main',
            'push = recorder_node.cli.push:main',
            'edit = recorder_node.cli.edit:main',
            'policy = policy_node.executables:policy',
            'replay = policy_node.executables:replay',
        ],
    },
)
