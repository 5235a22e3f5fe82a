"""What makes a backbone run faster."""
