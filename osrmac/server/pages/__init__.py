"""Pages of the web application, and the pictures on them."""
