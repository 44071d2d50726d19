"""LeRobot datasets on disk: format v3.0, written without importing lerobot."""
