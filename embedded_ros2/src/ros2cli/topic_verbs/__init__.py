"""The sub-commands of ``ros2 topic`` that send or receive messages."""
