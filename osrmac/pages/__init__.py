"""Web pages that need nothing from elsewhere, from plain data."""
