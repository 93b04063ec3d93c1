"""Pictures that come in, and what is made of them. The decoder's child process imports this package: keep it light."""
