"""State kept from run to run: SQLite by path, PostgreSQL by URL. Every run is correct without it.

It holds ids, times, and keyed fingerprints of written values and of values that read back otherwise: never a value.
The key is in the ledger itself, or in TRUEUP_FINGERPRINT_KEY for several machines. One thread uses the database.

Its location (`place`) can be queried without importing SQLAlchemy, which is slow.
"""
