"""What protects the web application: checks of requests, and limits."""
