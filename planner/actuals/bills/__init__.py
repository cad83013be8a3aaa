"""Where bills come from: FOCUS exports, and the clouds' own cost interfaces."""
