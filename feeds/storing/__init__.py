"""What happened, in the database: sessions, reports, presence and samples."""
