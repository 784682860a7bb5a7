"""What a person at a terminal can have done, one module per group of commands; minhu.py puts them together."""
