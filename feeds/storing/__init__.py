"""Storage of facts in the database: sessions, reports, presence and samples."""
