"""Files: paths that the user named, what others may change, temporary folders, tar archives."""
