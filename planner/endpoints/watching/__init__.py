"""Keep an eye on endpoints: find them, guard them, read what their failures mean."""
