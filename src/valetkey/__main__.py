"""`python -m valetkey` is `valetkey`."""

from valetkey.cli.run import main

if __name__ == "__main__":
    main()
