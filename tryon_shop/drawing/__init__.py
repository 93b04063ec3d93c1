"""Draws the demo shop's product photos: garments on a plain studio background, made with numpy and OpenCV.

``catalogue`` is plain data and needs neither library; ``photograph.draw`` makes one picture of it.
"""
