"""What install.py is made of. Standard library only, Python 3.10 on: it runs before anything is installed."""
