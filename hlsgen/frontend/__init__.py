"""From trained networks to graphs; one module for each source of networks."""
