"""What distributions say of themselves: releases, archives, mirrors, keys; the apt that answers for a system."""
