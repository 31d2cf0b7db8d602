"""The outside world, behind small doors: processes, files, the distributions' data, apt, roots."""
