"""``python -m brinell`` is ``brinell``."""

from brinell.cli.app import main

main()
