"""Plain values and rules without I/O, which every other module may import."""
