"""How the database grew, revision by revision. A released revision is never edited."""
