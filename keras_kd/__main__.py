"""`python -m keras_kd`: the `keras-kd` command."""

from keras_kd.cli.command import main

if __name__ == "__main__":
    main()
