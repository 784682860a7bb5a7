"""What brings the product to a new machine."""
