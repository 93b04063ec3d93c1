"""System checks. Every hint can be pasted."""
