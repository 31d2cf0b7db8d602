"""`check`: whether groups will install in a container system, wherever that is; found out, or tried for real."""
