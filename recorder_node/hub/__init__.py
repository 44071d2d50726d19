"""Datasets on the Hugging Face Hub: a frozen view, what may fail, the upload, its process."""
