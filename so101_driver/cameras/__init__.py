"""Sources of pictures, with and without hardware, and the thread that captures them."""
