"""What an extraction takes and costs, estimated from a sample of its images: the draw, and pure arithmetic."""
