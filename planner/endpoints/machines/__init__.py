"""What services that rent whole machines have in common, whichever cloud rents them out."""
