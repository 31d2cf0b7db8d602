"""Package files and dpkg's database, read; and package files compressed anew."""
