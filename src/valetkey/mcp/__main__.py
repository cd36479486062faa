"""`python -m valetkey.mcp`: the server of the session, or of the owner, that the environment names."""

from valetkey.mcp.command import main

if __name__ == "__main__":
    main()
