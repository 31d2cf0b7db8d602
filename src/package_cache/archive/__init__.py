"""Files of archives, downloaded and verified."""
