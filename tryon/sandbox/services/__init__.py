"""One module for each provider; each names its class as ``SERVICE``. Modules that begin with _ are parts of others."""
