"""Adapters for shop systems. Each is used only by the shops that have that system."""
