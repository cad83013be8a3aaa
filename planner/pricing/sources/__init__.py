"""The clouds' own price interfaces: one file per cloud, each turning answers into offers."""
