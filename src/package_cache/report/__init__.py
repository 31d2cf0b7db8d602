"""`report`: the state of a cache for its administrator: the facts, and a page that shows them."""
