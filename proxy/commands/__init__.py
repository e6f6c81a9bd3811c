"""The `dragoman` command: `main` reads the command line; each command is one file with `add_arguments` and `run`."""
