"""Carries queued rows to their end: claim -> route -> submit -> poll -> deliver. One lease, one row, one direction."""
