"""Spatial: what lies where - slide pictures, their tissue, their tiles."""
