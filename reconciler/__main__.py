"""The entry point: `reconcile`, and `python -m reconciler`.

Nothing heavy is imported above, so that a signal during start-up also gets a message.
"""

import atexit
import gc
import os
import signal
import sys
from types import FrameType

_INTERRUPTED = 130


def main() -> int:
    """Run the command; the exit code is returned."""
    gc.set_threshold(2_000_000, 20, 100)  # a short-lived process with a large live heap: little is garbage
    atexit.register(gc.freeze)  # or the interpreter, as it ends, searches for garbage what is freed with the process
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")  # none is wanted; looking for one reads every package
    # None makes an import fail: httpx goes without its own command, for which it would import rich, pygments and click.
    sys.modules.setdefault("httpx._main", None)  # type: ignore[arg-type] # documented for sys.modules
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    for number, handler in before.items():
        if handler is not signal.SIG_IGN:
            # Not as an exception: raised within the machinery of imports, it would be printed, or lost.
            signal.signal(number, _ended)
    from reconciler.cli import main as run

    # The others keep their handler until the command has its own: the kernel drops a signal to PID 1 that has none.
    signal.signal(signal.SIGINT, before[signal.SIGINT])
    return run()


def _ended(_number: int, _frame: FrameType | None) -> None:
    os.write(sys.__stderr__.fileno() if sys.__stderr__ else 2, b"reconcile: interrupted; nothing was being changed\n")
    os._exit(_INTERRUPTED)


if __name__ == "__main__":
    sys.exit(main())
