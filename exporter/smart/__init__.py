"""SMART: watches installations of Kodeks/Techexpert for the distributors who look after them."""
