"""The part of the container for workers that count together: apart, because it locks files."""

from pathlib import Path

from ...adapters.shared_memory.count_files import CountFiles
from ...domain.errors import ConfigurationError
from .observing import Counting


def counting(folder: Path) -> Counting:
    """Take a file of counts in `folder`.

    Raises:
        ConfigurationError: it cannot be written.
    """
    try:
        files = CountFiles(folder)
    except OSError as error:
        raise ConfigurationError(
            f"requests cannot be counted in {folder}: {error.strerror or error}",
            hint="it needs room, and to be writable; TMPDIR names another folder",
        ) from error
    return Counting(files.table, files.seen, files.close)
