"""The simulator: the real engines in virtual time, in a world that is drawn, recorded or broken."""
