"""A thread beside a test."""

import threading


class Background:
    """Runs `run` in a thread of its own until `with` ends; `closing` tells it to return."""

    def __init__(self):
        self.closing = False
        self.thread = threading.Thread(target=self.run, daemon=True)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.closing = True
        self.thread.join()
