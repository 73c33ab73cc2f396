"""`python -m dsqltokd` is `dsqltokd`."""

from dsqltokd.main import main

if __name__ == "__main__":
    main()
