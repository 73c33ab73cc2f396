"""`python -m dsqltok` is `dsqltok`."""

from dsqltok.cli import main

if __name__ == "__main__":
    main()
