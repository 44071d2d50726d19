"""Message and service types built at run time from their definitions."""
