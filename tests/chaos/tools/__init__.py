"""What the chaos tests are made with."""
