"""What Minhu may say: national statutes, service guides, everyday regulations, and the search over them."""
