"""What a user can ask for. Each takes values, returns values, and tells events while it works."""
