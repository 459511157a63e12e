"""全员人口库: who lives where, in which household, and how their number changes."""
