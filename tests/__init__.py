"""The same tree as the product, plus dialogue/, flow/, browser/ and bench/."""
