"""Sources of pictures, with and without hardware, and the threads that capture them."""

import os

# Read when OpenCV is loaded, and when it first waits for a camera. It would wait 10 s for a device
# that has stopped, and complain of every attempt to open one; what is wrong is said here.
os.environ.setdefault('OPENCV_VIDEOIO_V4L_SELECT_TIMEOUT', '1')
os.environ.setdefault('OPENCV_LOG_LEVEL', 'ERROR')
