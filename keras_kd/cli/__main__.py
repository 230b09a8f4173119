"""`python -m keras_kd.cli`: the commands, without the signal handlers of `keras-kd`."""

from keras_kd.cli.main import main

if __name__ == "__main__":
    main()
