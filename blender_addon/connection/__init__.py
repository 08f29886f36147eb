"""The server: reached over the one bridge, installed and started on this computer."""
