"""The JSON API of the web application."""
