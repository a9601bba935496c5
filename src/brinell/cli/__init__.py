"""The command line: parse, call, print; one file a command.

Everything that ``brinell --help`` needs is light: the commands import the rest (torch among it) when they run.
"""
