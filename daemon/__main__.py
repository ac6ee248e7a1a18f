"""`python -m daemon` is `bodydock`."""

from daemon.cli.main import main

if __name__ == "__main__":
    main()
