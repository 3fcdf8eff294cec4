"""What models cost: a table that ships, and what the configuration says otherwise."""
