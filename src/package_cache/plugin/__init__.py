"""What runtime plugins call: try_to_install_by_cache, and the fallback for it."""
