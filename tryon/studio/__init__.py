"""The merchandiser's studio: batches, review, publishing, picture tools, and what pictures are worth."""
