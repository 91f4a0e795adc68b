"""SMART: watches installations of Kodeks/Techexpert for the distributors who look after them."""

__version__ = "0.1.0"
