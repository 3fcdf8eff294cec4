"""Rules of configurations, in the Common Expression Language."""
