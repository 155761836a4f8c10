"""Where the program begins: each opens the units of work that the services receive."""
