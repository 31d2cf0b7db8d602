"""The command `package-cache`: it reads arguments and environment, calls a verb, renders what comes back."""
