"""What a user can ask for: one module a verb. Each takes values, returns values, and tells events while it works."""
