"""Tests of modelmux."""
